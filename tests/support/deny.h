/* SPDX-License-Identifier: MIT */
/*
 * deny.h - system calls that answer with an error, as container runtimes have
 * it: seccomp filters, for good, in this process and what it starts.
 */
#ifndef TESTS_DENY_H
#define TESTS_DENY_H

#include <stddef.h>

/*
 * deny_calls - `count` system calls (SYS_...) give this errno from now on. No
 * more than 8. Ends the process with status 77 if that cannot be had.
 */
void deny_calls(const long calls[], size_t count, int error);

#endif
