/* SPDX-License-Identifier: MIT */
/*
 * egress.h - the receivers: ring bytes go from the ring into their sockets.
 *
 * A receiver is a cursor. It is in exactly one of four places: in `ready` (it
 * is behind the tail), in `caught_up`, waiting for its one send in flight, or
 * closing. Both lists are first in, first out, so that whoever has waited
 * longest is served first; a turn of the loop posts a bounded number of sends.
 */
#ifndef SRC_EGRESS_H
#define SRC_EGRESS_H

#include "src/daemon.h"

/* egress_init - no receivers. */
void egress_init(struct egress *egress);

/*
 * egress_join - the connection receives from the tail on; local_admit() was
 * called just before.
 */
void egress_join(struct daemon *daemon, struct bc_conn *conn);

/* egress_remove - it is going, or becomes the sender. */
void egress_remove(struct daemon *daemon, struct bc_conn *conn);

/* egress_on_sent, egress_on_discard - a request has ended. */
void egress_on_sent(struct daemon *daemon, struct bc_conn *conn, int result);
void egress_on_discard(struct daemon *daemon, struct bc_conn *conn, int result);

/* What a watch has found, for the loop to decide about. */
enum egress_news {
	EGRESS_NO_NEWS,
	EGRESS_HAS_SENT,    /* there are bytes of the receiver to be read */
	EGRESS_HALF_CLOSED, /* it will send no more; it may have gone */
};

/* egress_on_watch - the watch of a receiver has ended. */
enum egress_news egress_on_watch(struct daemon *daemon, struct bc_conn *conn,
				 int result);

/* egress_discard - throw away what the receiver has sent, then watch on. */
void egress_discard(struct daemon *daemon, struct bc_conn *conn);

/* egress_on_published - the tail has moved. */
void egress_on_published(struct daemon *daemon);

/* egress_enforce_lag - apply the policy to receivers beyond --max-lag. */
void egress_enforce_lag(struct daemon *daemon);

/* egress_pump - post sends, to a bounded number of receivers. */
void egress_pump(struct daemon *daemon);

/* egress_has_caught_up - is somebody waiting for new bytes? */
bool egress_has_caught_up(const struct daemon *daemon);

/* egress_has_ready - are there receivers that the last pump left out? */
bool egress_has_ready(const struct daemon *daemon);

/*
 * egress_positions - where the receivers are, for backpressure. Scans all of
 * them only if what is known from before would not admit a read.
 */
struct backpressure_positions egress_positions(struct daemon *daemon);

#endif
