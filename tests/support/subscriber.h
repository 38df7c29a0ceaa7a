/* SPDX-License-Identifier: MIT */
/*
 * subscriber.h - a client that subscribes to what publishing.c publishes, and
 * knows where each record stands and what is in it. Each record it gets is
 * compared, and each GAP: what it leaves out must be exactly what was there.
 */
#ifndef TESTS_SUBSCRIBER_H
#define TESTS_SUBSCRIBER_H

#include "client.h"
#include "published.h"

struct subscriber {
	struct client client;
	size_t most; /* publishing.most */
	int rcvbuf;  /* of its socket; 0: the system's */
	bool keyed;  /* what is published is not for this to judge */
	/* of the GAPs so far */
	struct bcast_gap gap; /* the last */
	unsigned gaps;
	uint64_t missed; /* records, but for those FILTERED */
	uint64_t taken;	 /* records */
};

/*
 * subscriber_place - the position of record `sequence`; forgets `most` never.
 */
uint64_t subscriber_place(uint64_t sequence, size_t most);

/* subscriber_hello - from (epoch 0, position). */
struct bc_hello subscriber_hello(uint64_t position);

/* subscriber_open - connect and greet; *welcome may be NULL. */
void subscriber_open(struct subscriber *subscriber,
		     struct daemon_fixture *daemon,
		     const struct bc_hello *hello, struct bc_welcome *welcome);

/*
 * subscriber_next - the next record or GAP, checked; heartbeats and PONGs are
 * passed. Returns its type, or 0 at the end of the connection. What comes after
 * a REJECT or an END is for the caller.
 */
uint16_t subscriber_next(struct subscriber *subscriber);

/* subscriber_take_to - take all that comes, up to before this record. */
void subscriber_take_to(struct subscriber *subscriber, uint64_t sequence);

/* subscriber_expect_gap - a GAP is next, for this reason. */
void subscriber_expect_gap(struct subscriber *subscriber, uint32_t reason);

#endif
