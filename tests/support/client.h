/* SPDX-License-Identifier: MIT */
/*
 * client.h - a client of --packet as simple as can be: it blocks, says what the
 * test wants, and reads record by record. It is no use of the library: what it
 * says may be wrong on purpose. What does not come within DEADLINE_MS fails the
 * test.
 */
#ifndef TESTS_CLIENT_H
#define TESTS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/packet.h>

#include "daemon_fixture.h"
#include "net/hello.h"

struct client {
	int fd;
	struct bcast_packet_header header; /* of the last record read */
	unsigned char *payload;		   /* of it; until the next */
	uint64_t position; /* of the next record of the stream, once welcome */
	uint64_t sequence; /* its number */
};

/* client_connect - to the daemon's first --packet address. Says nothing. */
void client_connect(struct client *client, struct daemon_fixture *daemon);

/* client_close - and free what it holds. Safe on a zeroed one. */
void client_close(struct client *client);

/* client_say - a record of any kind, whatever stands in the header. */
void client_say(struct client *client, const struct bcast_packet_header *header,
		const void *payload);

/* client_say_bytes - bytes as they are. */
void client_say_bytes(struct client *client, const void *bytes, size_t size);

/* client_next - read a record; false at the end of the connection. */
bool client_next(struct client *client);

/* client_expect - the next record is of this type; heartbeats are passed. */
void client_expect(struct client *client, uint16_t type);

/* client_expect_end - nothing comes but heartbeats, and then the end. */
void client_expect_end(struct client *client);

/*
 * client_hello - a HELLO with these roles, and version and the like, for a test
 * to change before client_greet().
 */
struct bc_hello client_hello(uint32_t roles);

/* client_greet - say it, and be welcome. */
void client_greet(struct client *client, const struct bc_hello *hello,
		  struct bc_welcome *welcome);

/* client_join - connect and greet, for these roles, live. */
void client_join(struct client *client, struct daemon_fixture *daemon,
		 uint32_t roles);

/* client_expect_reject - the next is a REJECT with this code, then the end. */
void client_expect_reject(struct client *client, uint32_t code);

#endif
