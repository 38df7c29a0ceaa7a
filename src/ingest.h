/* SPDX-License-Identifier: MIT */
/*
 * ingest.h - the sender: its bytes go from the socket into the ring.
 *
 * Exactly one connection writes: the first in line. Others wait behind it,
 * unread, but only if the one before them has finished sending (its FIN is
 * here, or it is of this machine and has closed its socket) and merely has not
 * been read to the end: so "a; then b" works however much of a is still in
 * flight, and a second sender beside a live one is told. So is a sender beside
 * a local publisher: both write under the same lease.
 */
#ifndef SRC_INGEST_H
#define SRC_INGEST_H

#include "src/daemon.h"

/* ingest_is_free - would a connection be taken as a sender now? */
bool ingest_is_free(const struct daemon *daemon);

/* ingest_join - the connection becomes the sender, or waits to be. */
void ingest_join(struct daemon *daemon, struct bc_conn *conn);

/* ingest_on_recv - a receive into the ring has ended. */
void ingest_on_recv(struct daemon *daemon, struct bc_conn *conn, int result);

/*
 * ingest_publish - move the tail over what was received, and wake readers.
 * Returns whether there was anything.
 */
bool ingest_publish(struct daemon *daemon);

/*
 * ingest_wants_to_read - is there a sender, and no receive in flight? Whether
 * its rate lets it be read is another matter.
 */
bool ingest_wants_to_read(const struct daemon *daemon);

/*
 * ingest_arm - post the next receive, of at most `bytes`, if one is wanted, and
 * receivers, being `at` those positions, permit it.
 */
void ingest_arm(struct daemon *daemon, const struct backpressure_positions *at,
		uint64_t bytes);

/*
 * ingest_allowance - the sender wants to be read: how much may that bring by
 * its rate? 0: it has to wait (LANE_READ).
 */
uint64_t ingest_allowance(struct daemon *daemon);

/* ingest_remove - the connection is going: take it out of the line. */
void ingest_remove(struct daemon *daemon, struct bc_conn *conn);

/*
 * ingest_may_read - do receivers, being `at` those positions, permit a read?
 * Counts and times who holds the sender up.
 */
bool ingest_may_read(struct daemon *daemon,
		     const struct backpressure_positions *at);

/*
 * ingest_is_over - the last sender, or client that publishes, has gone, and the
 * kernel writes no more of its bytes.
 */
bool ingest_is_over(const struct daemon *daemon);

/*
 * ingest_release - give the write lease back, once it is over. local_pace() was
 * called just before: our sends still need their bytes.
 */
void ingest_release(struct daemon *daemon);

/*
 * ingest_pause, ingest_resume - the sender, or a local publisher, is held up
 * because of receivers; it goes on. Counted and timed.
 */
void ingest_pause(struct daemon *daemon);
void ingest_resume(struct daemon *daemon);

/*
 * ingest_given_up - receivers that all take nothing are given up waiting for,
 * until one of them takes something again.
 */
bool ingest_given_up(struct daemon *daemon);

#endif
