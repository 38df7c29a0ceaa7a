/* SPDX-License-Identifier: MIT */
/*
 * filter.h - a subscriber that wants only the records of some key: those go out
 * of the ring like any others, in runs, and what lies between is told as a GAP.
 *
 *	cursor
 *	  |  not its key       |  its key    |
 *	--[record][record] ... [record][record][record] ...
 *	   GAP, FILTERED        one send
 *
 * Looking costs a cache line a record, so it is bounded: a subscriber looks at
 * so many records a turn of the loop, and all of a lane at so many. Who is not
 * through goes on with the next turn. A GAP is told when a record comes that is
 * wanted, or with the heartbeat, and not for each record that is not.
 */
#ifndef SRC_FILTER_H
#define SRC_FILTER_H

#include "net/hello.h"
#include "src/lane.h"

/* In a turn: of a subscriber, of that many bytes; and of a lane. */
#define FILTER_RECORDS	    4096u
#define FILTER_BYTES	    (UINT64_C(1) << 20)
#define FILTER_RECORDS_LANE 65536u

/* filter_open - take over the key, if there is one. Returns 0 or -ENOMEM. */
int filter_open(struct bc_conn *conn, const struct bc_hello *hello);

/* filter_is_on - does it want only some? */
bool filter_is_on(const struct bc_conn *conn);

/*
 * filter_span - the subscriber is between records: move its cursor over what it
 * does not want. Returns the end of the run of those that it wants, at most
 * `bytes_max` or one record; the cursor itself if nothing is to be sent now:
 * none is there, a GAP has to be told first, or it has looked enough.
 */
uint64_t filter_span(struct lane *lane, struct bc_conn *conn,
		     uint64_t bytes_max);

/* filter_tell - tell it up to where there was nothing for it. */
void filter_tell(struct lane *lane, struct bc_conn *conn);

#endif
