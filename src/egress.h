/* SPDX-License-Identifier: MIT */
/*
 * egress.h - the receivers: ring bytes go from the ring into their sockets.
 *
 * A receiver is a cursor. It is in exactly one of three places: in the send
 * queue (send_queue.h), waiting for its one send in flight, or closing. A turn
 * of the loop posts a bounded number of sends.
 */
#ifndef SRC_EGRESS_H
#define SRC_EGRESS_H

#include "src/lane.h"

/*
 * egress_join - the connection receives from `position` on; local_admit() was
 * called just before that was the tail, or local_protect() for it.
 */
void egress_join(struct lane *lane, struct bc_conn *conn, uint64_t position);

/* egress_remove - it is going, or becomes the sender. */
void egress_remove(struct lane *lane, struct bc_conn *conn);

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

#endif
