/* SPDX-License-Identifier: MIT */
/*
 * session_tell.h - what clients are told between the records of the stream, and
 * how they are sent away.
 */
#ifndef SRC_SESSION_TELL_H
#define SRC_SESSION_TELL_H

#include <bcast/packet.h>

#include "src/lane.h"

/* session_tell - put a control record into the outbox, and have it sent. */
void session_tell(struct lane *lane, struct bc_conn *conn, uint16_t type,
		  uint64_t sequence, const void *payload, uint32_t length);

/*
 * session_tell_gap - the same for a GAP, which must not be left out: there are
 * never more than two of them waiting.
 */
void session_tell_gap(struct lane *lane, struct bc_conn *conn,
		      const struct bcast_gap *gap);

/*
 * session_reject - tell it why not, log it, and end it. `why` is one line for a
 * person; retry_after_ms is 0 if trying again is of no use.
 */
void session_reject(struct lane *lane, struct bc_conn *conn, uint32_t code,
		    const char *why, uint32_t retry_after_ms);

/* session_leave - end it, for this reason, when it has been told all. */
void session_leave(struct lane *lane, struct bc_conn *conn, uint32_t reason);

/* session_say_goodbye - the same, when its last words stand in the outbox. */
void session_say_goodbye(struct lane *lane, struct bc_conn *conn,
			 uint32_t reason);

#endif
