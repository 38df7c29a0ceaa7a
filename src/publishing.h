/* SPDX-License-Identifier: MIT */
/*
 * publishing.h - clients of --packet that publish: who may, under whose number,
 * what becomes of their records, and what they are told.
 *
 *	HELLO -> publishing_admit -> WELCOME -> records -> tail -> ACK
 *
 * There are two ways for records. A publisher that is alone has them received
 * into the ring itself, behind the tail (publish_direct.h); others into a buffer
 * of their own, and copied from there (publish_copy.h). In both, nothing that
 * has not been checked is ever below the tail: as long as one of them has the
 * write lease, the stream is published by tail.
 *
 * The lease is taken for the first of them, and given back when the last has
 * gone (ingest_release). A local publisher has it or they do, never both.
 *
 * Which of its records a publisher has in the stream is remembered in the
 * segment (shm/publisher_table.h), and changes with the tail itself. So what
 * stands there when a daemon is killed is what the next one tells.
 *
 * Who does not serve any more, or says the same publisher_id as a newer one, is
 * dropped at once; what has come of its next record is not used.
 */
#ifndef SRC_PUBLISHING_H
#define SRC_PUBLISHING_H

#include "net/hello.h"
#include "shm/record.h"
#include "src/daemon.h"
#include "src/publish_span.h"

#define PUBLISHER_GONE UINT32_MAX

/* A client that publishes, or did: it belongs to its session. */
struct publisher {
	struct bc_conn *conn;
	uint64_t id;
	uint32_t index; /* in publishing.all, or PUBLISHER_GONE */
	uint32_t slot;	/* in the segment's table */
	struct publish_rules rules;
	uint64_t taken;	   /* its last number that was found good */
	uint64_t accepted; /* its last one below the tail */
	uint64_t acked;	   /* its last one that it was told */
	bool direct;

	/* publish_copy.c */
	unsigned char *buffer;
	struct bc_packet_piece piece; /* of it, not looked at yet */
	int error;		      /* what was wrong; 0: nothing */
};

/*
 * publishing_admit - may this client have the roles that it asks for? If it
 * does not ask to publish, it may. Returns false if it was rejected, or if it
 * has to wait for an instant, which session->waits then says: its HELLO is to
 * be taken up again by greeting_resume(). Else fills in its part of WELCOME.
 */
bool publishing_admit(struct daemon *daemon, struct bc_conn *conn,
		      const struct bc_hello *hello,
		      struct bcast_welcome *welcome);

/* publishing_left - the connection is ending: it publishes no more. */
void publishing_left(struct daemon *daemon, struct bc_conn *conn);

/* publishing_free - what a session holds of it. NULL is allowed. */
void publishing_free(struct publisher *publisher);

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
 * publishing_flush - publish by tail up to `to`: all that was found good. `to`
 * is beyond the tail, and reserved with a header more.
 */
void publishing_flush(struct daemon *daemon, struct bc_record_place to);

/* publishing_acknowledge - tell it what is accepted, if it is to be told. */
void publishing_acknowledge(struct daemon *daemon, struct publisher *publisher);

/* publishing_refuse - its record was wrong: tell it how (publish_span_next). */
void publishing_refuse(struct daemon *daemon, struct publisher *publisher,
		       int error);

/* publishing_is_live - does it still publish? */
bool publishing_is_live(const struct publisher *publisher);

#endif
