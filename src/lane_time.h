/* SPDX-License-Identifier: MIT */
/*
 * lane_time.h - what time does to a lane: its connections' deadlines, and what
 * is done ten times a second.
 *
 * Each connection has one timer, for the first of all its deadlines: HELLO,
 * heartbeat, silence, last words (session_deadlines.h), --send-timeout
 * (slow.h), and an end in order (closing.h). When it rings, all of them are
 * looked at; what is due is done, and the timer is armed for the next. Messages
 * put deadlines off and do not touch it, so it may ring for nothing, as for a
 * slot that has another tenant by now: that is a look, and no harm. Only a
 * deadline that is new, or earlier than before, has to be told of:
 * lane_look_soon().
 *
 * It rings up to LANE_GRAIN_NS after the deadline, never before: what is due
 * for ten thousand clients, each at its own time, wakes the loop forty times a
 * second and not ten thousand times.
 *
 * What stays with the tick is what has no time of its own: half-closed peers to
 * ask after, of which a tick does so many; and what those who replay may lag,
 * which shrinks all the time, and needs a look at all slots. Without either,
 * the tick looks at no connection.
 */
#ifndef SRC_LANE_TIME_H
#define SRC_LANE_TIME_H

#include "src/lane.h"

#define LANE_TICK_NS  (UINT64_C(100) * 1000 * 1000)
#define LANE_GRAIN_NS (UINT64_C(25) * 1000 * 1000)

/*
 * lane_time_pass - look after those whose time has come; a bounded number, the
 * others in the next turn. Returns whether it is time for lane_time_tick().
 */
bool lane_time_pass(struct lane *lane);

/* lane_time_changed - timeouts have: all that is due is found out anew. */
void lane_time_changed(struct lane *lane);

/* lane_time_tick - ten times a second; the first one starts it. */
void lane_time_tick(struct lane *lane);

#endif
