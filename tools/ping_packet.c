/* SPDX-License-Identifier: MIT */
/*
 * ping_packet.c - bcast-ping at a --packet address: a client that wants
 * nothing, and asks (bcast/packet.h). See ping.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bcast/packet.h>

#include "ping.h"

/* The largest that can come to one who has asked for nothing. */
#define RECORD_MAX (sizeof(struct bcast_packet_header) + BCAST_CONTROL_MAX)

static size_t write_record(uint16_t type, uint64_t sequence,
			   const void *payload, size_t size, unsigned char *to)
{
	const struct bcast_packet_header header = {
		.length = (uint32_t)size,
		.type = type,
		.sequence = sequence,
	};
	size_t whole = bcast_packet_size((uint32_t)size);

	memset(to, 0, whole);
	memcpy(to, &header, sizeof(header));
	memcpy(to + sizeof(header), payload, size);
	return whole;
}

static size_t greet(unsigned char to[PING_GREETING_MAX])
{
	const struct bcast_hello hello = {
		.magic = BCAST_HELLO_MAGIC,
		.version = BCAST_PROTOCOL_VERSION,
		.fixed_size = sizeof(hello),
	};

	return write_record(BCAST_PACKET_HELLO, 0, &hello, sizeof(hello), to);
}

static size_t make(const unsigned char *payload, size_t size, unsigned char *to)
{
	return write_record(BCAST_PACKET_PING, 0, payload, size, to);
}

static void take_reject(const unsigned char *payload, size_t size,
			struct ping_answer *answer)
{
	struct bcast_reject reject = {0};
	size_t fixed;

	memcpy(&reject, payload, size < sizeof(reject) ? size : sizeof(reject));
	fixed = reject.fixed_size < size ? reject.fixed_size : size;
	answer->kind = PING_REFUSED;
	(void)snprintf(answer->text, sizeof(answer->text), "code %u: %.*s",
		       reject.code, (int)(size - fixed), payload + fixed);
	/* it comes from outside, and goes to a terminal */
	for (char *at = answer->text; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}

static int take(const unsigned char *bytes, size_t have,
		struct ping_answer *answer)
{
	struct bcast_packet_header header;
	size_t whole;

	answer->kind = PING_NOTHING;
	if (have < sizeof(header))
		return 0;
	memcpy(&header, bytes, sizeof(header));
	if (header.length > RECORD_MAX - sizeof(header))
		return -EPROTO;
	whole = bcast_packet_size(header.length);
	if (have < whole)
		return 0;
	answer->payload = bytes + sizeof(header);
	answer->size = header.length;
	if (header.type == BCAST_PACKET_WELCOME)
		answer->kind = PING_READY;
	else if (header.type == BCAST_PACKET_PONG)
		answer->kind = PING_ANSWER;
	else if (header.type == BCAST_PACKET_REJECT)
		take_reject(answer->payload, answer->size, answer);
	else if (header.flags & BCAST_PACKET_MUST)
		return -EPROTO;
	return (int)whole;
}

const struct ping_door ping_packet = {
	.name = "packet",
	.payload_max = BCAST_PING_MAX,
	.greet = greet,
	.make = make,
	.take = take,
};
