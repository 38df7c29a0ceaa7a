/* SPDX-License-Identifier: MIT */
/*
 * signals.h - SIGTERM and SIGINT ask for the end, SIGHUP for files to be opened
 * anew, SIGUSR2 for a successor (successor.h). They are blocked but while the
 * loop waits or asks, so none is missed between a look and a wait. SIGPIPE is
 * ignored. The flags are the only state, and global: a handler has nothing
 * else.
 */
#ifndef SRC_SIGNALS_H
#define SRC_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* signals_open - install the handlers and block the four. At start, once. */
void signals_open(void);

/* signals_wait_mask - the mask to wait with. */
const sigset_t *signals_wait_mask(void);

/*
 * signals_poll - let in what is pending, without waiting. A loop that always
 * finds events never waits, and so never hears a signal but by this.
 */
void signals_poll(void);

/* signals_take - SIGTERM or SIGINT, if it came since the last call, or 0. */
int signals_take(void);

/* signals_take_hangup - has SIGHUP come since the last call? */
bool signals_take_hangup(void);

/* signals_take_succession - has SIGUSR2 come since the last call? */
bool signals_take_succession(void);

#endif
