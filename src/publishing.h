/* SPDX-License-Identifier: MIT */
/*
 * publishing.h - what becomes of the records of clients that publish, and what
 * these are told.
 *
 *	HELLO -> publishers_admit -> WELCOME -> records -> tail -> ACK
 *
 * There are two ways for records. A publisher that is alone has them received
 * into the ring itself, behind the tail (publish_direct.h); others into a buffer
 * of their own, and copied from there (publish_copy.h). In both, nothing that
 * has not been checked is ever below the tail: as long as one of them has the
 * write lease, the stream is published by tail.
 */
#ifndef SRC_PUBLISHING_H
#define SRC_PUBLISHING_H

#include "shm/record.h"
#include "src/daemon.h"
#include "src/publishers.h"

/*
 * publishing_turn - what has come is published, readers are woken, publishers
 * told. Returns whether the tail was moved.
 */
bool publishing_turn(struct daemon *daemon);

/*
 * publishing_arm - post the next receive into the ring, if receivers permit it.
 * Returns false if there are no publishers, and gates are others' business.
 */
bool publishing_arm(struct daemon *daemon);

/* publishing_has_more - is there something left to do for the next turn? */
bool publishing_has_more(const struct daemon *daemon);

/* publishing_is_over - nobody is left, and the kernel writes no more. */
bool publishing_is_over(const struct daemon *daemon);

/* publishing_drain - the daemon is stopping: receive no more. */
void publishing_drain(struct daemon *daemon);

/* publishing_is_receiving - may a receive still bring something? */
bool publishing_is_receiving(const struct daemon *daemon);

/* publishing_on_recv - a receive of a publisher has ended. */
void publishing_on_recv(struct daemon *daemon, struct bc_conn *conn,
			int result);

/* ---- For the two ways -------------------------------------------------- */

/*
 * publishing_may_write - do receivers and gates let us write `bytes` behind the
 * tail now? If not, publishers are held up: counted, timed, and not idle.
 */
bool publishing_may_write(struct daemon *daemon, uint64_t bytes);

/*
 * publishing_read_size - how much to receive at most if `have` bytes of a record
 * have come: it and all else that comes is then never more than a local
 * publisher's largest record, for which there is room in the end.
 */
uint64_t publishing_read_size(const struct daemon *daemon, uint64_t have);

/*
 * publishing_bytes_allowed - how much of `size` may be received of it now, by
 * its rate? 0: it has to wait, and is not idle.
 */
uint64_t publishing_bytes_allowed(struct daemon *daemon,
				  struct publisher *publisher, uint64_t size);

/* publishing_records_allowed - likewise, how many records may be taken? */
uint64_t publishing_records_allowed(struct daemon *daemon,
				    struct publisher *publisher);

/*
 * publishing_flush - publish by tail up to `to`: all that was found good. `to`
 * is beyond the tail, and reserved with a header more.
 */
void publishing_flush(struct daemon *daemon, struct bc_record_place to);

/* publishing_rest - nobody publishes any more: nothing is waited for. */
void publishing_rest(struct daemon *daemon);

/* publishing_acknowledge - tell it what is accepted, if it is to be told. */
void publishing_acknowledge(struct daemon *daemon, struct publisher *publisher);

/* publishing_refuse - its record was wrong: tell it how (publish_span_next). */
void publishing_refuse(struct daemon *daemon, struct publisher *publisher,
		       int error);

#endif
