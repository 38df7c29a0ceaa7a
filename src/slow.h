/* SPDX-License-Identifier: MIT */
/*
 * slow.h - receivers that are too far behind, or take nothing: their policies.
 */
#ifndef SRC_SLOW_H
#define SRC_SLOW_H

#include "src/lane.h"

/*
 * slow_enforce - apply their policies to receivers that lag more than their
 * --max-lag, or than this limit.
 */
void slow_enforce(struct lane *lane, uint64_t lag_limit_bytes);

/* slow_go_live - it was to skip, and its send is back. */
void slow_go_live(struct lane *lane, struct bc_conn *conn);

/*
 * slow_look_after - end this open receiver if it is beyond its --send-timeout.
 * Returns when it may be, at the earliest.
 */
uint64_t slow_look_after(struct lane *lane, struct bc_conn *conn);

#endif
