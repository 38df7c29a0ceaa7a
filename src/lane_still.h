/* SPDX-License-Identifier: MIT */
/*
 * lane_still.h - bring a lane to a standstill, without a loss, and set it going
 * again: for a hot upgrade (upgrade.h). By the lane's own thread.
 *
 * At a standstill each slot is free or open, no request of its is in flight and
 * no zero-copy send is owed: a connection is then its descriptor and what
 * stands in struct bc_conn and struct session. Nothing is asked of the kernel
 * until lane_still_resume(), in this process or another one.
 */
#ifndef SRC_LANE_STILL_H
#define SRC_LANE_STILL_H

#include <stdbool.h>

#include "src/lane.h"

/*
 * lane_still_press - cancel all that is in flight, close what was closing.
 * Returns whether the lane stands still; else its events are to be dispatched,
 * each offered to lane_still_swallow() first, before the next try.
 */
bool lane_still_press(struct lane *lane);

/*
 * lane_still_swallow - an event that only says that a request was cancelled,
 * or that would be followed by another request at once. Returns whether it has
 * been dealt with.
 */
bool lane_still_swallow(struct lane *lane, const struct bc_event *event);

/*
 * lane_still_resume - ask again for what the connections have to say. Sends
 * and receives into the ring come by themselves.
 */
void lane_still_resume(struct lane *lane);

#endif
