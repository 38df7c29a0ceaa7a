/* SPDX-License-Identifier: MIT */
/*
 * echo_stage.h - a daemon with an --echo address, and its clients; setup and
 * teardown are those of crowd_stage.h.
 *
 * All that a client sends, and all that is to come back, is a function of what
 * it was asked for: packets of one length, numbered from 0, whose payload is
 * the pattern with the number as its seed. What comes back otherwise fails the
 * test on the spot. Clients never block, so that one thread can move many.
 */
#ifndef TESTS_ECHO_STAGE_H
#define TESTS_ECHO_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/echo.h>

#include "crowd_stage.h"

struct echo_client {
	int fd;
	uint32_t length; /* of a payload */
	uint64_t goal;	 /* packets */
	uint64_t sent, received;
	size_t sent_part, received_part; /* bytes of the next ones */
	bool may_lose;			 /* packets carry their numbers */
	unsigned char *packet;		 /* that is being sent */
	unsigned char *expected;	 /* that is coming back */
};

/*
 * echo_start - a daemon with these options more, NULL at the end, and
 * --listen and --echo at 127.0.0.1. echo_start_plain: without any.
 */
void echo_start(const char *const more[]);
void echo_start_plain(void);

/* echo_join - connect; _small: with a small receive buffer; _unix: to @name. */
struct echo_client echo_join(void);
struct echo_client echo_join_small(void);
struct echo_client echo_join_unix(const char *name);

void echo_leave(struct echo_client *client);
void echo_leave_by_reset(struct echo_client *client);

/* echo_ask - from now on: so many packets of this length, from number 0. */
void echo_ask(struct echo_client *client, uint32_t length, uint64_t goal);

/* echo_packet_bytes - of each of its packets, the header included. */
size_t echo_packet_bytes(const struct echo_client *client);

/* echo_make_next - client->packet is to be that with the number `sent`. */
void echo_make_next(const struct echo_client *client);

/* echo_send, echo_receive - what goes without waiting. False: nothing did. */
bool echo_send(struct echo_client *client);
bool echo_receive(struct echo_client *client);

/* echo_run - move all of them until each has back what it was to send. */
void echo_run(struct echo_client *clients, unsigned count);

/* echo_exchange - ask one, and run. */
void echo_exchange(struct echo_client *client, uint32_t length, uint64_t goal);

/* echo_write, echo_send_header - whatever the test wants to send. */
void echo_write(const struct echo_client *client, const void *bytes,
		size_t size);
void echo_send_header(const struct echo_client *client, uint32_t type,
		      uint32_t length);

/* echo_assert_closed - the daemon closes it, and then we do. */
void echo_assert_closed(struct echo_client *client);

/*
 * echo_flood - send packets of 20,000 bytes without reading, until the daemon
 * has dropped so many. For a client that may lose some.
 */
void echo_flood(struct echo_client *client, uint64_t dropped);

/* echo_receive_numbered - wait for a whole packet. Returns its number. */
uint64_t echo_receive_numbered(struct echo_client *client);

/* echo_await_taken - until the daemon has taken or dropped so many. */
void echo_await_taken(uint64_t packets);

#endif
