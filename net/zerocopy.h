/* SPDX-License-Identifier: MIT */
/*
 * zerocopy.h - can zero-copy sends be trusted on this kernel?
 *
 * A kernel that notifies too early makes us overwrite what is still to be
 * sent, which no test of ours would notice in time; so kernels with that bug
 * are refused by their version. One that refuses, or never notifies, is found
 * out by a round trip.
 */
#ifndef NET_ZEROCOPY_H
#define NET_ZEROCOPY_H

#include <stdbool.h>
#include <stddef.h>

#include "net/backend.h"

/*
 * bc_zerocopy_check - find out, when nothing else is in flight yet. Takes some
 * milliseconds, and a connection of our own on the loopback interface.
 *
 * Returns 0, or -errno with one line in `why` that says what stands in the way
 * and what to do about it; BC_BACKEND_ZEROCOPY is then cleared.
 */
int bc_zerocopy_check(struct bc_backend *backend, char *why, size_t why_size);

/*
 * bc_zerocopy_is_sound - whether a kernel of this release, as uname(2) has it,
 * is without the bug. An unreadable one is not.
 */
bool bc_zerocopy_is_sound(const char *release);

#endif
