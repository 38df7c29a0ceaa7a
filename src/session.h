/* SPDX-License-Identifier: MIT */
/*
 * session.h - a client at a --packet address: who it is, what it says, and what
 * it is told between the records of the stream.
 *
 *	accept -> GREETING --HELLO--> SERVING --> gone
 *	              |                  |
 *	              +---> LEAVING <----+     REJECT or END, then closed
 *
 * A client that subscribes is a receiver like any other (egress.h): its sends
 * come from the ring. Beside that it is told things of its own (outbox.h), and
 * only between two records: the ring's bytes go out in spans that end where a
 * record does, and at such an end, first what is in the outbox. Bytes of the
 * span that have been sent already are held in the ring until all of it is, so
 * that whoever must end a span early can find out where the next record begins.
 *
 * A client that does not subscribe is in the same lists, but only while there
 * is something to tell it.
 *
 * Memory: one allocation a client, and buffers while it says or is told
 * something. It belongs to the lane that serves the connection.
 */
#ifndef SRC_SESSION_H
#define SRC_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <bcast/packet.h>

#include "net/hello.h"
#include "net/packet_stream.h"
#include "shm/record.h"
#include "src/lane.h"
#include "src/outbox.h"

enum session_state {
	SESSION_GREETING, /* no whole HELLO yet */
	SESSION_SERVING,
	SESSION_LEAVING, /* its last words are in the outbox */
};

struct session {
	enum session_state state;
	uint32_t roles; /* enum bcast_client_role */
	bool speaking;	/* the send in flight is of the outbox */
	struct outbox outbox;
	struct bc_packet_stream in;
	uint64_t heartbeat_ns; /* we are silent for no longer */
	uint64_t idle_ns;      /* nor is it; both as its WELCOME says */
	uint64_t heard_ns;     /* when something came; as the lane's clock */
	uint64_t spoke_ns;     /* when something was sent */
	uint64_t leave_by_ns;  /* LEAVING: with or without the last words */
	uint32_t leave_reason; /* enum bcast_close_reason */

	struct remote_node *node; /* its node; NULL: it is none */

	/* GREETING: what has come of the HELLO */
	unsigned char *hello;
	uint32_t hello_have;

	/* one that publishes: publishers.h; or NULL */
	struct publisher *publisher;
	bool waits; /* GREETING: for another publisher to be gone */

	/* a subscriber: where the span ends that is being sent */
	uint64_t span_end;
	uint16_t wish;		  /* enum bcast_wish: see lag.h */
	uint64_t replay_since_ns; /* lag.h; 0: it never did replay */
	bool replays;
	bool skips; /* skip.h: from there on, until it lands */
	struct bc_record_place skip_from;
	uint64_t rest_bytes; /* of a record, in the outbox */
	unsigned char *key;  /* filter.h */
	uint16_t key_length;
	struct bc_record_place filtered_from; /* sequence 0: nothing */
	struct bc_record_place filtered_to;   /* is to be told */
};

/*
 * session_open - the connection is a client that has yet to say who it is.
 * Returns 0 or -ENOMEM.
 */
int session_open(struct lane *lane, struct bc_conn *conn);

/* session_move - that of a subscriber, which another lane has given up. */
void session_move(struct lane *lane, struct bc_conn *conn);

/* session_drop_rest - what a skip has copied (skip.h) is not there any more. */
void session_drop_rest(struct lane *lane, struct session *session);

/* session_end - the connection is ending, or goes to another lane. */
void session_end(struct lane *lane, const struct bc_conn *conn);

/* session_free - the slot is about to be free: so is this. NULL is allowed. */
void session_free(struct bc_conn *conn);

/* session_is_between - may it be told something now? */
bool session_is_between(const struct bc_conn *conn);

/* session_has_words - is there something to tell it, and may it be told? */
bool session_has_words(const struct bc_conn *conn);

#endif
