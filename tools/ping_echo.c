/* SPDX-License-Identifier: MIT */
/* ping_echo.c - bcast-ping at an --echo address (bcast/echo.h). See ping.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <bcast/echo.h>

#include "ping.h"

#define LENGTH_MAX ((size_t)1 << 30)

static size_t make(const unsigned char *payload, size_t size, unsigned char *to)
{
	const struct bcast_echo_header header = {
		.type_be = htonl(BCAST_ECHO_SEND),
		.length_be = htonl((uint32_t)size),
	};

	memcpy(to, &header, sizeof(header));
	memcpy(to + sizeof(header), payload, size);
	return sizeof(header) + size;
}

static int take(const unsigned char *bytes, size_t have,
		struct ping_answer *answer)
{
	struct bcast_echo_header header;
	size_t length;

	if (have < sizeof(header))
		return 0;
	memcpy(&header, bytes, sizeof(header));
	length = ntohl(header.length_be);
	if (ntohl(header.type_be) != BCAST_ECHO_ECHO || length > LENGTH_MAX)
		return -EPROTO;
	if (have - sizeof(header) < length)
		return 0;
	answer->kind = PING_ANSWER;
	answer->payload = bytes + sizeof(header);
	answer->size = length;
	return (int)(sizeof(header) + length);
}

const struct ping_door ping_echo = {
	.name = "echo",
	.payload_max = LENGTH_MAX,
	.make = make,
	.take = take,
};
