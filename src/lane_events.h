/* SPDX-License-Identifier: MIT */
/*
 * lane_events.h - what happens to the receivers of a lane: the ends of their
 * requests. What time does to them: lane_time.h.
 */
#ifndef SRC_LANE_EVENTS_H
#define SRC_LANE_EVENTS_H

#include "net/backend.h"
#include "src/lane.h"

/*
 * lane_events_dispatch - a receiver's request has ended. Returns the receiver
 * if it has sent us something, which the caller decides about:
 * egress_discard(), or it becomes a sender; else NULL.
 */
struct bc_conn *lane_events_dispatch(struct lane *lane, struct bc_token token,
				     const struct bc_event *event);

#endif
