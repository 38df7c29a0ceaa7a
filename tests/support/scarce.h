/* SPDX-License-Identifier: MIT */
/*
 * scarce.h - memory that runs out at the allocation of one's choice.
 *
 * A program linked with bcast_test_scarce has every malloc(), calloc(),
 * realloc() and aligned_alloc() of our own code (not of libc or other shared
 * libraries) counted, and the n-th of them fails. Of a program that is not the
 * test itself, n is the environment variable SCARCE_ALLOCATION; it then says so
 * on standard error.
 */
#ifndef TESTS_SCARCE_H
#define TESTS_SCARCE_H

#include <stdbool.h>

/* scarce_at - the n-th allocation from now on fails; 0: none does. */
void scarce_at(unsigned n);

/* scarce_has_failed - whether it has, since scarce_at(). */
bool scarce_has_failed(void);

/* scarce_live - allocations that have not been freed. */
unsigned scarce_live(void);

#endif
