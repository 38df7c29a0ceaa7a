/* SPDX-License-Identifier: MIT */
/* subscriber.c - see subscriber.h. */
#include <string.h>

#include "crowd.h"
#include "subscriber.h"

/* Anew for each: tests ask for what is near, and for few millions. */
uint64_t subscriber_place(uint64_t sequence, size_t most)
{
	static uint64_t last = 1, place;
	static size_t last_most;

	if (sequence < last || most != last_most) {
		last = 1;
		place = 0;
		last_most = most;
	}
	for (; last < sequence; last++)
		place += bcast_packet_size(
			(uint32_t)published_length(last, most));
	return place;
}

struct bc_hello subscriber_hello(uint64_t position)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);

	hello.fixed.from = BCAST_START_POSITION;
	hello.fixed.position = position;
	return hello;
}

void subscriber_open(struct subscriber *subscriber,
		     struct daemon_fixture *daemon,
		     const struct bc_hello *hello, struct bc_welcome *welcome)
{
	struct bc_welcome unused;

	subscriber->client = (struct client){
		.fd = crowd_connect(daemon_fixture_port(daemon, "packet"),
				    subscriber->rcvbuf),
	};
	client_greet(&subscriber->client, hello, welcome ? welcome : &unused);
}

static void check_record(struct subscriber *subscriber)
{
	const struct client *client = &subscriber->client;
	const struct bcast_packet_header *header = &client->header;
	size_t length = published_length(header->sequence, subscriber->most);

	assert_int_equal(header->length, length);
	if (published_wrong(header->sequence, client->payload, length) >= 0)
		fail_msg("record %llu is wrong",
			 (unsigned long long)header->sequence);
	subscriber->taken++;
}

/* The first may be of long ago, and then its sequence is not known. */
static void check_gap(struct subscriber *subscriber)
{
	struct client *client = &subscriber->client;
	struct bcast_gap gap;

	assert_int_equal(client->header.length, sizeof(gap));
	memcpy(&gap, client->payload, sizeof(gap));
	if (gap.reason != BCAST_GAP_OVERWRITTEN) {
		assert_int_equal(gap.from, client->position);
		assert_int_equal(gap.from_sequence, client->sequence);
	}
	if (!subscriber->keyed)
		assert_int_equal(gap.to, subscriber_place(gap.to_sequence,
							  subscriber->most));
	assert_true(gap.to_sequence >= gap.from_sequence);
	if (gap.reason == BCAST_GAP_SKIPPED)
		subscriber->missed += gap.to_sequence - gap.from_sequence;
	client->position = gap.to;
	client->sequence = gap.to_sequence;
	subscriber->gap = gap;
	subscriber->gaps++;
}

uint16_t subscriber_next(struct subscriber *subscriber)
{
	struct client *client = &subscriber->client;

	do
		if (!client_next(client))
			return 0;
	while (client->header.type == BCAST_PACKET_HEARTBEAT ||
	       client->header.type == BCAST_PACKET_PONG);
	if (client->header.type == BCAST_PACKET_DATA && !subscriber->keyed)
		check_record(subscriber);
	else if (client->header.type == BCAST_PACKET_GAP)
		check_gap(subscriber);
	return client->header.type;
}

void subscriber_take_to(struct subscriber *subscriber, uint64_t sequence)
{
	while (subscriber->client.sequence < sequence) {
		uint16_t type = subscriber_next(subscriber);

		if (type == BCAST_PACKET_REJECT)
			fail_msg("rejected: %s",
				 (const char *)subscriber->client.payload +
					 sizeof(struct bcast_reject));
		if (type != BCAST_PACKET_DATA && type != BCAST_PACKET_GAP)
			fail_msg("type %x at record %llu", type,
				 (unsigned long long)
					 subscriber->client.sequence);
	}
}

void subscriber_expect_gap(struct subscriber *subscriber, uint32_t reason)
{
	assert_int_equal(subscriber_next(subscriber), BCAST_PACKET_GAP);
	assert_int_equal(subscriber->gap.reason, reason);
}
