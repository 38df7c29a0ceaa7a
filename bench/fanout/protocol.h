/* SPDX-License-Identifier: MIT */
/*
 * protocol.h - what the load program says to each kind of server.
 *
 * One topic, one sender, N subscribers, messages of one size. That makes every
 * message cost a receiver the same number of bytes, so payload is counted by
 * arithmetic instead of by parsing (see protocol_payload()): the receivers then
 * do nothing but copy, whatever the server.
 */
#ifndef BENCH_FANOUT_PROTOCOL_H
#define BENCH_FANOUT_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

/* The longest head of a published message, of any protocol. */
#define PROTOCOL_HEAD_MAX 64u

struct protocol {
	const char *name;
	/*
	 * Subscribe on a connected socket and wait for the server's word that
	 * it is done. NULL: the protocol has no such word (raw bytes), and the
	 * load program finds out by itself who has been joined.
	 */
	int (*subscribe)(int fd);
	/*
	 * Wait for what the server says by itself a while after that, for who
	 * wants nothing but messages from then on. NULL: nothing.
	 */
	int (*settle)(int fd);
	/* The sender's greeting. NULL: none. */
	int (*greet)(int fd);
	/* Write the head of a message, at most PROTOCOL_HEAD_MAX; its size. */
	size_t (*head)(char *out, size_t payload);
	/* What ends a message on its way in. */
	const char *tail;
	/* Bytes around the payload on its way out to a subscriber. */
	size_t (*overhead)(size_t payload);
	/* What a head says of its payload, which stands behind it. Or NULL. */
	void (*seal)(unsigned char *head, size_t payload);
	/* And of its place among all that are sent, from 1. Or NULL. */
	void (*number)(unsigned char *head, uint64_t number);
	/* Payloads are a multiple of this; 0: whatever they are. */
	size_t multiple;
};

/* The one of bcast's own clients, without and with a checksum (packet.c). */
extern const struct protocol protocol_packet;
extern const struct protocol protocol_packet_crc;

/*
 * protocol_find - by name (raw, redis, nats, mqtt, packet, packet-crc); NULL:
 * there is none.
 */
const struct protocol *protocol_find(const char *name);

/*
 * protocol_payload - the payload in `bytes` received by a subscriber, message
 * size `payload`. Counts whole and part messages alike, pro rata.
 */
uint64_t protocol_payload(const struct protocol *protocol, uint64_t bytes,
			  size_t payload);

#endif
