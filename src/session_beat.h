/* SPDX-License-Identifier: MIT */
/*
 * session_beat.h - what a client is told about where the stream is, while there
 * is nothing of it to send: HEARTBEAT, and END.
 */
#ifndef SRC_SESSION_BEAT_H
#define SRC_SESSION_BEAT_H

#include "src/lane.h"

/*
 * session_beat - a HEARTBEAT, if it was told nothing for long enough. Returns
 * when it may be time for the next; while something is on its way to it, that
 * is not before a heartbeat from now.
 */
uint64_t session_beat(struct lane *lane, struct bc_conn *conn);

/*
 * session_may_end - the stream is over, and this client has all of it: has it
 * been told so?
 */
bool session_may_end(struct lane *lane, struct bc_conn *conn);

#endif
