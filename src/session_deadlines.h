/* SPDX-License-Identifier: MIT */
/*
 * session_deadlines.h - what becomes of a client as time goes by: no HELLO in
 * time, silence of ours and of its own, and last words that it does not take.
 */
#ifndef SRC_SESSION_DEADLINES_H
#define SRC_SESSION_DEADLINES_H

#include "src/lane.h"

/*
 * session_look_after - do what is due by lane->now_ns. Returns when there may
 * be something again, if nobody calls lane_look_soon() before.
 */
uint64_t session_look_after(struct lane *lane, struct bc_conn *conn);

#endif
