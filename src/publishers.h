/* SPDX-License-Identifier: MIT */
/*
 * publishers.h - clients of --packet that publish: who may, under which number,
 * and how they go.
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
#ifndef SRC_PUBLISHERS_H
#define SRC_PUBLISHERS_H

#include "net/hello.h"
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
	size_t buffer_room;
	bool buffer_filled;	      /* by the last receive */
	struct bc_packet_piece piece; /* of it, not looked at yet */
	int error;		      /* what was wrong; 0: nothing */
};

/*
 * publishers_admit - may this client have the roles that it asks for? If it
 * does not ask to publish, it may. Returns false if it was rejected, or if it
 * has to wait for an instant, which session->waits then says: its HELLO is to
 * be taken up again by greeting_resume(). Else fills in its part of WELCOME.
 */
bool publishers_admit(struct daemon *daemon, struct bc_conn *conn,
		      const struct bc_hello *hello,
		      struct bcast_welcome *welcome);

/*
 * publishers_set_rules - what its records must be like; its slot is known, and
 * whether it has promised checksums.
 */
void publishers_set_rules(const struct daemon *daemon,
			  struct publisher *publisher, bool checksums);

/* publishers_left - the connection is ending: it publishes no more. */
void publishers_left(struct daemon *daemon, struct bc_conn *conn);

/* publishers_drop - it publishes no more, though its connection goes on. */
void publishers_drop(struct daemon *daemon, struct publisher *publisher);

/* publishers_free - what a session holds of it. NULL is allowed. */
void publishers_free(struct publisher *publisher);

/* publishers_is_live - does it still publish? */
bool publishers_is_live(const struct publisher *publisher);

#endif
