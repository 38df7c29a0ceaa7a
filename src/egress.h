/* SPDX-License-Identifier: MIT */
/*
 * egress.h - the receivers: ring bytes go from the ring into their sockets.
 *
 * A receiver is a cursor. It is in exactly one of five places: in `ready` (it
 * is behind the tail), in `caught_up`, in `held` (its rate lets it have nothing
 * now), waiting for its one send in flight, or closing. The lists are first in,
 * first out, so that whoever has waited
 * longest is served first; a turn of the loop posts a bounded number of sends.
 */
#ifndef SRC_EGRESS_H
#define SRC_EGRESS_H

#include "src/lane.h"

/* egress_init - no receivers. */
void egress_init(struct egress *egress);

/*
 * egress_join - the connection receives from `position` on; local_admit() was
 * called just before that was the tail, or local_protect() for it.
 */
void egress_join(struct lane *lane, struct bc_conn *conn, uint64_t position);

/* egress_remove - it is going, or becomes the sender. */
void egress_remove(struct lane *lane, struct bc_conn *conn);

/* egress_nudge - there is something to tell this client. */
void egress_nudge(struct lane *lane, struct bc_conn *conn);

/* egress_forget - it is in no list any more. */
void egress_forget(struct lane *lane, struct bc_conn *conn);

/* egress_on_progress - the receiver has taken or acknowledged something. */
void egress_on_progress(struct lane *lane, struct bc_conn *conn);

/* egress_on_settled - the receiver owes nothing any more. */
void egress_on_settled(struct lane *lane, struct bc_conn *conn);

/* egress_on_sent, egress_on_discard - a request has ended. */
void egress_on_sent(struct lane *lane, struct bc_conn *conn, int result);
void egress_on_discard(struct lane *lane, struct bc_conn *conn, int result);

/* What a watch has found, for the loop to decide about. */
enum egress_news {
	EGRESS_NO_NEWS,
	EGRESS_HAS_SENT,    /* there are bytes of the receiver to be read */
	EGRESS_HALF_CLOSED, /* it will send no more; it may have gone */
};

/* egress_on_watch - the watch of a receiver has ended. */
enum egress_news egress_on_watch(struct lane *lane, struct bc_conn *conn,
				 int result);

/* egress_discard - throw away what the receiver has sent, then watch on. */
void egress_discard(struct lane *lane, struct bc_conn *conn);

/* egress_on_published - the tail has moved. */
void egress_on_published(struct lane *lane);

/*
 * egress_enforce_lag - apply their policies to receivers that lag more than
 * their --max-lag, or than this limit.
 */
void egress_enforce_lag(struct lane *lane, uint64_t lag_limit_bytes);

/* egress_tick - ten times a second: end those beyond their --send-timeout. */
void egress_tick(struct lane *lane);

/*
 * egress_drain - the tail is final: end those that have all of it and, if it
 * has got late, the others too.
 */
void egress_drain(struct lane *lane, bool late);

/* egress_is_empty - are all slots of the lane free? */
bool egress_is_empty(const struct lane *lane);

/* egress_pump - post sends, to a bounded number of receivers. */
void egress_pump(struct lane *lane);

/*
 * egress_headway - how far ahead of the tail that this lane goes by the sender
 * may be when it is read once more, until the lane has been through its sends
 * again. While somebody is far behind it is nothing: a read for a send, as if
 * one thread did both, so that nobody looks slow because of a thread that is
 * late. It does not make the sender wait for a receiver.
 */
uint64_t egress_headway(struct lane *lane);

/* egress_has_caught_up - is somebody waiting for new bytes? */
bool egress_has_caught_up(const struct lane *lane);

/*
 * egress_has_ready - are there receivers that the last pump left out, or that
 * its rate let have nothing until now?
 */
bool egress_has_ready(const struct lane *lane);

/* egress_held_until - when a receiver may go on by its rate, or UINT64_MAX. */
uint64_t egress_held_until(const struct lane *lane);

/* egress_claims - floor, hold and hold_floor as they are known, for *at. */
void egress_claims(const struct lane *lane, struct backpressure_positions *at);

/*
 * egress_refresh_floor - compute floor, hold and patience anew, from all slots. It is a
 * lower bound at all times, and gets too low as cursors move.
 */
void egress_refresh_floor(struct lane *lane);

/* egress_lag_max - by how many bytes the last one is behind; 0 if none is. */
uint64_t egress_lag_max(const struct lane *lane);

/* egress_has_leader - is there one that does not replay? */
bool egress_has_leader(const struct lane *lane);

/* egress_leader - the furthest of these; the tail if there is none. */
uint64_t egress_leader(struct lane *lane);

#endif
