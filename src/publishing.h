/* SPDX-License-Identifier: MIT */
/*
 * publishing.h - what becomes of the records of clients that publish, and what
 * these are told.
 *
 *	HELLO -> publishers_admit -> WELCOME -> records -> tail -> ACK
 *
 * There are two ways for records. A publisher that is alone has them received
 * into the ring itself, behind the tail (publish_direct.h); others into a
 * buffer of their own, and copied from there (publish_copy.h). In both, nothing
 * that has not been checked is ever below the tail: as long as one of them has
 * the write lease, the stream is published by tail.
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

/* publishing_drain - the daemon is stopping: receive no more. */
void publishing_drain(struct daemon *daemon);

/* publishing_is_receiving - may a receive still bring something? */
bool publishing_is_receiving(const struct daemon *daemon);

/* publishing_on_recv - a receive of a publisher has ended. */
void publishing_on_recv(struct daemon *daemon, struct bc_conn *conn,
			int result);

#endif
