/* SPDX-License-Identifier: MIT */
/*
 * interrupt.h - SIGINT and SIGTERM end a tool's work, not the tool: it tidies
 * up, says what it has to say, and then ends as the signal ends a program.
 */
#ifndef TOOLS_INTERRUPT_H
#define TOOLS_INTERRUPT_H

#include <signal.h>

/*
 * interrupt_catch - from now on, note the first of these signals; a second one
 * kills, should something be stuck. What blocks returns. A closed pipe is an
 * error of write(2) from now on. Returns where the number will stand; 0: none.
 */
const volatile sig_atomic_t *interrupt_catch(void);

/* interrupt_end - the exit code; or, after a signal, no return. */
int interrupt_end(int code);

#endif
