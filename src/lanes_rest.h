/* SPDX-License-Identifier: MIT */
/*
 * lanes_rest.h - the egress threads stand still for a hot upgrade (upgrade.h),
 * and go on. For the daemon's own thread; without threads nothing happens.
 *
 * While they rest, their lanes are the daemon's thread's to look at and to
 * change: lane_link.h.
 */
#ifndef SRC_LANES_REST_H
#define SRC_LANES_REST_H

#include "src/daemon.h"
#include "src/lane_link.h"

/* lanes_settle - no zero-copy sends from now on, or (false) as ever. */
void lanes_settle(struct daemon *daemon, bool on);

/* lanes_owe - is one not settled yet, as far as they have reported? */
bool lanes_owe(const struct daemon *daemon);

/* lanes_rest - order them to stand still. They go on after lanes_resume(). */
void lanes_rest(struct daemon *daemon);

/* lanes_await_rest - wait for that. Returns 0, or -ETIMEDOUT. */
int lanes_await_rest(struct daemon *daemon, uint64_t deadline_ns);

/* lanes_resume - and so they do, from the daemon's tail on. */
void lanes_resume(struct daemon *daemon);

/* lanes_lane - the lane of one of them. */
struct lane *lanes_lane(const struct daemon *daemon, uint32_t index);

/* lanes_least - which one serves the fewest; they rest, and one has room. */
uint32_t lanes_least(const struct daemon *daemon);

/* lanes_count_in - a connection was put into its lane, while it rests. */
void lanes_count_in(struct daemon *daemon, uint32_t index);

#endif
