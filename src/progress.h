/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how far the receivers of a lane are: what the sender has to wait
 * for, and who is the furthest. Who is too far behind: slow.h.
 */
#ifndef SRC_PROGRESS_H
#define SRC_PROGRESS_H

#include "src/lane.h"

/* progress_begin - a receiver more, at its cursor. */
void progress_begin(struct lane *lane, struct bc_conn *conn);

/* progress_end - one less; it may have been the furthest. */
void progress_end(struct lane *lane, struct bc_conn *conn);

/* progress_made - the receiver has taken or acknowledged something. */
void progress_made(struct lane *lane, struct bc_conn *conn);

/*
 * progress_tick - what those who replay may lag shrinks, if they move or not.
 */
void progress_tick(struct lane *lane);

/* progress_claims - floor, hold and hold_floor as they are known, for *at. */
void progress_claims(const struct lane *lane,
		     struct backpressure_positions *at);

/*
 * progress_refresh - compute floor, hold and patience anew, from all slots. It
 * is a lower bound at all times, and gets too low as cursors move.
 */
void progress_refresh(struct lane *lane);

/*
 * progress_lag_max - by how many bytes the last one is behind; 0 if none is.
 * Looks at all slots only if somebody may be.
 */
uint64_t progress_lag_max(struct lane *lane);

/* progress_has_leader - is there one that does not replay? */
bool progress_has_leader(const struct lane *lane);

/* progress_leader - the furthest of these; the tail if there is none. */
uint64_t progress_leader(struct lane *lane);

#endif
