/* SPDX-License-Identifier: MIT */
/*
 * skip.h - policy skip for clients: a subscriber that lags too far goes on at
 * the live end, and is told exactly what it does not get.
 *
 *	--[record][record][rec|ord][record] ... [record]|
 *	                   sent ^  ^                    ^ lands here
 *	          into the outbox ord  GAP: from .. to
 *
 * Of a record that was sent in part the rest is copied, since what follows must
 * begin between records. From then on nothing of the ring is held for it: its
 * cursor is moved along with the tail, however long it takes to read what it
 * has been told. Only then is it decided where it goes on, and it is told a
 * GAP: so there is never more than one waiting, and a client that reads nothing
 * costs the rest of one record. All of these rests in a lane take no more than
 * SKIP_RESTS_MAX; whose does not fit into that is closed as too slow.
 */
#ifndef SRC_SKIP_H
#define SRC_SKIP_H

#include "src/lane.h"

/* Four of the longest records, or thousands of the usual ones. */
#define SKIP_RESTS_MAX (UINT64_C(64) << 20)

/*
 * skip_client - it lags too far, and no ring bytes of it are in flight: give up
 * what it has not got. May be called again while it has not landed. The caller
 * puts it into the list where it belongs.
 */
void skip_client(struct lane *lane, struct bc_conn *conn);

/* skip_land - if it skips, and has been told all: go on at the live end. */
void skip_land(struct lane *lane, struct bc_conn *conn);

#endif
