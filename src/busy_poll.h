/* SPDX-License-Identifier: MIT */
/*
 * busy_poll.h - how long a loop goes on looking for events before it sleeps.
 *
 * To be woken takes 25 to 50 us on a virtual machine. A loop that was asked to
 * (--busy-poll) makes empty turns instead, with a wait of no length, until
 * nothing has happened for that time. Such a turn sees all that others do, so
 * nothing else has to know of it: any backend, and local publishers, too.
 */
#ifndef SRC_BUSY_POLL_H
#define SRC_BUSY_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include "src/config.h"

/* Zeroed: sleeps at once. */
struct busy_poll {
	uint64_t budget_ns;
	uint64_t until_ns; /* on CLOCK_MONOTONIC */
};

/*
 * busy_poll_check - warn if it can only do harm. Before we bind ourselves to
 * one of several CPUs.
 */
void busy_poll_check(const struct config *config);

/* busy_poll_extend - something has happened. */
static inline void busy_poll_extend(struct busy_poll *busy_poll,
				    uint64_t now_ns)
{
	busy_poll->until_ns = now_ns + busy_poll->budget_ns;
}

/* busy_poll_goes_on - not yet to sleep. */
static inline bool busy_poll_goes_on(const struct busy_poll *busy_poll,
				     uint64_t now_ns)
{
	return now_ns < busy_poll->until_ns;
}

#endif
