/* SPDX-License-Identifier: MIT */
/*
 * packet.c - bcast/packet.h, as far as one publisher and subscribers that keep
 * up need it: HELLO, WELCOME, records. The publisher does not resend, and
 * nobody says a HEARTBEAT: the daemon is to be started with an --idle-timeout
 * that is longer than a run.
 */
#include "protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <bcast/packet.h>

#define HEADER ((size_t)sizeof(struct bcast_packet_header))

/* The record's payload is longer than what counts, by zeros; no texts. */
static int hello(int fd, uint32_t roles)
{
	struct {
		struct bcast_packet_header header;
		struct bcast_hello hello;
		char padding[16];
	} record = {
		.header = {.length = sizeof(record.hello),
			   .type = BCAST_PACKET_HELLO},
		.hello = {.magic = BCAST_HELLO_MAGIC,
			  .version = BCAST_PROTOCOL_VERSION,
			  .fixed_size = sizeof(record.hello),
			  .roles = roles},
	};

	_Static_assert(sizeof(record) == 32 + 96, "no holes");
	if (roles & BCAST_CLIENT_PUBLISH &&
	    getrandom(&record.hello.publisher_id, sizeof(uint64_t), 0) !=
		    (ssize_t)sizeof(uint64_t))
		return -errno;
	if (send(fd, &record, sizeof(record), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(record))
		return -errno;
	return 0;
}

static int welcome(int fd)
{
	struct bcast_packet_header header;
	char payload[BCAST_CONTROL_MAX];
	size_t rest;

	if (recv(fd, &header, sizeof(header), MSG_WAITALL) !=
	    (ssize_t)sizeof(header))
		return -EPROTO;
	rest = bcast_packet_size(header.length) - HEADER;
	if (rest > sizeof(payload) ||
	    recv(fd, payload, rest, MSG_WAITALL) != (ssize_t)rest)
		return -EPROTO;
	return header.type == BCAST_PACKET_WELCOME ? 0 : -ECONNREFUSED;
}

static int subscribe(int fd)
{
	int ret = hello(fd, BCAST_CLIENT_SUBSCRIBE);

	return ret < 0 ? ret : welcome(fd);
}

static int greet(int fd)
{
	int ret = hello(fd, BCAST_CLIENT_PUBLISH);

	return ret < 0 ? ret : welcome(fd);
}

static size_t head(char *out, size_t payload)
{
	const struct bcast_packet_header header = {
		.length = (uint32_t)payload,
		.type = BCAST_PACKET_DATA,
	};

	memcpy(out, &header, sizeof(header));
	return sizeof(header);
}

static size_t overhead(size_t payload)
{
	return bcast_packet_size((uint32_t)payload) - payload;
}

static void number(unsigned char *out, uint64_t n)
{
	memcpy(out + offsetof(struct bcast_packet_header, sequence), &n,
	       sizeof(n));
}

/* Castagnoli, bit by bit: once a run. */
static uint32_t crc32c(const unsigned char *bytes, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static void seal(unsigned char *out, size_t payload)
{
	uint32_t crc = crc32c(out + HEADER, payload);

	memcpy(out + offsetof(struct bcast_packet_header, crc32c), &crc,
	       sizeof(crc));
}

const struct protocol protocol_packet = {
	.name = "packet",
	.subscribe = subscribe,
	.greet = greet,
	.head = head,
	.tail = "",
	.overhead = overhead,
	.number = number,
	.multiple = BCAST_PACKET_ALIGN,
};

const struct protocol protocol_packet_crc = {
	.name = "packet-crc",
	.subscribe = subscribe,
	.greet = greet,
	.head = head,
	.tail = "",
	.overhead = overhead,
	.seal = seal,
	.number = number,
	.multiple = BCAST_PACKET_ALIGN,
};
