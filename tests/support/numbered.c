/* SPDX-License-Identifier: MIT */
/* numbered.c - see numbered.h. */
#include <string.h>

#include "numbered.h"
#include "support.h"

#define SEED	  UINT64_C(11)
#define MOMENT_MS 50

static size_t length_of(uint64_t number)
{
	/* from 8 bytes on, and now and then large */
	return number % 16 == 0 ? 8 + number * 131 % (NUMBERED_MAX - 8)
				: 8 + number * 7 % 90;
}

size_t numbered_fill(uint64_t number, unsigned char bytes[NUMBERED_MAX])
{
	size_t length = length_of(number);

	memcpy(bytes, &number, sizeof(number));
	test_pattern_fill(SEED, number * NUMBERED_MAX, bytes + sizeof(number),
			  length - sizeof(number));
	return length;
}

uint64_t numbered_of(const struct bcast_packet *packet)
{
	const unsigned char *bytes =
		(const unsigned char *)packet->payload + packet->key_length;
	size_t length = packet->length - packet->key_length;
	uint64_t number;

	if (length < sizeof(number))
		return UINT64_MAX;
	memcpy(&number, bytes, sizeof(number));
	if (length != length_of(number) ||
	    test_pattern_check(SEED, number * NUMBERED_MAX,
			       bytes + sizeof(number),
			       length - sizeof(number)) != -1)
		return UINT64_MAX;
	return number;
}

struct bcast_client *numbered_open(const char *address, uint32_t roles,
				   uint32_t from)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;

	how.roles = roles;
	how.from = from;
	how.id = roles & BCAST_CLIENT_NODE ? "numbered" : NULL;
	assert_int_equal(bcast_open(address, &how, &client), 0);
	return client;
}

void numbered_publish(struct bcast_client *client, uint64_t first,
		      uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++) {
		unsigned char bytes[NUMBERED_MAX];
		size_t length = numbered_fill(i, bytes);

		assert_int_equal(bcast_client_publish(client, NULL, 0, bytes,
						      length, DEADLINE_MS),
				 0);
	}
}

void numbered_expect(struct bcast_client *client, uint64_t first,
		     uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++) {
		struct bcast_packet packet;

		assert_int_equal(
			bcast_client_next(client, &packet, DEADLINE_MS), 1);
		assert_int_equal(numbered_of(&packet), i);
		assert_int_equal((uintptr_t)packet.payload % 32, 0);
		assert_int_equal(bcast_client_consume(client), 0);
		assert_int_equal(bcast_client_position(client).position,
				 packet.position + packet.size);
		assert_int_equal(bcast_client_position(client).sequence,
				 packet.sequence + 1);
	}
}

void numbered_expect_nothing(struct bcast_client *client)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_client_next(client, &packet, MOMENT_MS), 0);
}
