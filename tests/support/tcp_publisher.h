/* SPDX-License-Identifier: MIT */
/*
 * tcp_publisher.h - a client of --packet that publishes, and witnesses of what
 * it publishes, at each door: in shared memory, at --egress, and subscribed at
 * --packet. What fails here fails the test.
 */
#ifndef TESTS_TCP_PUBLISHER_H
#define TESTS_TCP_PUBLISHER_H

#include <bcast/bcast.h>

#include "client.h"

struct tcp_publisher {
	struct client client;
	struct bcast_welcome welcome;
	uint64_t next;	   /* its number of the next record */
	uint64_t accepted; /* as it was told */
};

/* tcp_publisher_open - connect and be welcome; goes on behind what is there. */
void tcp_publisher_open(struct tcp_publisher *publisher,
			struct daemon_fixture *daemon, uint64_t id);

/* tcp_publisher_open_as - with roles beside PUBLISH, features in `needs`. */
void tcp_publisher_open_as(struct tcp_publisher *publisher,
			   struct daemon_fixture *daemon, uint64_t id,
			   uint32_t roles, uint32_t needs);

/* tcp_publisher_refused - connect, and be told no with this code. */
void tcp_publisher_refused(struct daemon_fixture *daemon, uint64_t id,
			   uint32_t code);

/* tcp_publisher_close - safe on a zeroed one. */
void tcp_publisher_close(struct tcp_publisher *publisher);

/* tcp_publisher_reset - be gone, as the killed are whose data is unread. */
void tcp_publisher_reset(struct tcp_publisher *publisher);

/* tcp_publisher_say - publish the next record: any payload. */
void tcp_publisher_say(struct tcp_publisher *publisher, const void *payload,
		       size_t size);

/* tcp_publisher_run - the next `count`, by published.h, up to `most` bytes. */
void tcp_publisher_run(struct tcp_publisher *publisher, uint64_t count,
		       size_t most);

/* tcp_publisher_frame - write record `number` of these to `to`; its size. */
size_t tcp_publisher_frame(unsigned char *to, uint64_t number, size_t most);

/* tcp_publisher_settle - until all that was said is accepted. */
void tcp_publisher_settle(struct tcp_publisher *publisher);

/* ---- Witnesses --------------------------------------------------------- */

struct witness {
	struct client subscriber;
	struct client receiver; /* at --egress */
	struct bcast_reader *reader;
	unsigned char *bytes; /* of the last record */
	size_t size;
	uint64_t sequence;
};

/* witness_open - all three at the live end of a daemon that has all doors. */
void witness_open(struct witness *witness, struct daemon_fixture *daemon);

void witness_close(struct witness *witness);

/*
 * witness_next - the next record of the stream, when all three have it. Its
 * number, time and padding are right. Valid until the next call.
 */
const struct bcast_packet_header *witness_next(struct witness *witness);

/* witness_expect - it is of this source, with this payload. */
void witness_expect(struct witness *witness, uint16_t source,
		    const void *payload, size_t size);

/* witness_expect_run - the records of tcp_publisher_run(), from `first` on. */
void witness_expect_run(struct witness *witness, uint16_t source,
			uint64_t first, uint64_t count, size_t most);

/* witness_expect_nothing - the tail is where they are. */
void witness_expect_nothing(struct witness *witness,
			    struct daemon_fixture *daemon);

#endif
