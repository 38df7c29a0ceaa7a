/* SPDX-License-Identifier: MIT */
/*
 * client_double.h - a daemon that follows a script, for bcast/client.h to
 * talk to: what it says may be wrong on purpose.
 *
 * The script runs in a child, which listens before it is forked. What goes
 * wrong there ends the child with a status other than 0; double_join() sees.
 */
#ifndef TESTS_CLIENT_DOUBLE_H
#define TESTS_CLIENT_DOUBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/hello.h"
#include "numbered.h"
#include "support.h"

#define DOUBLE_EPOCH UINT64_C(0x1234567890abcdef)

struct client_double {
	int listener;
	char address[64]; /* tcp://127.0.0.1:PORT */
	struct test_child child;

	/* the script's */
	void (*script)(struct client_double *);
	int fd;
	struct bc_hello hello; /* of the last that came */
	struct bc_welcome welcome;
	uint64_t position, sequence;	   /* of the next record */
	struct bcast_packet_header header; /* of the last record read */
	unsigned char *payload;
};

/* double_start - listen, and run the script in a child. */
void double_start(struct client_double *daemon,
		  void (*script)(struct client_double *));

/* double_join - the script has come to its end, and all was well. */
void double_join(struct client_double *daemon);

/* ---- For scripts ------------------------------------------------------- */

/* double_accept - the next connection, and its HELLO. */
void double_accept(struct client_double *daemon);

/* double_welcome - where the stream goes on: position, sequence as they are. */
void double_welcome(struct client_double *daemon);

/* double_greet - both. */
void double_greet(struct client_double *daemon);

/* double_say - a record between records, with this payload. */
void double_say(struct client_double *daemon, uint16_t type,
		const void *payload, size_t size);
void double_say_header(struct client_double *daemon,
		       const struct bcast_packet_header *header,
		       const void *payload);
void double_say_bytes(struct client_double *daemon, const void *bytes,
		      size_t size);

/* double_records - that many of numbered.h, numbered by their sequence. */
void double_records(struct client_double *daemon, unsigned count);

/*
 * double_record_bytes - the next one as bytes, not counted. Returns its size.
 */
size_t double_record_bytes(const struct client_double *daemon,
			   unsigned char bytes[NUMBERED_MAX + 64]);

/* double_gap - over `count` records of 64 bytes. */
void double_gap(struct client_double *daemon, unsigned count, uint32_t reason);

void double_reject(struct client_double *daemon, uint32_t code,
		   uint32_t retry_after_ms);
void double_end(struct client_double *daemon);
void double_ack(struct client_double *daemon, uint64_t accepted);

/* double_read - the client's next record; false if it has closed. */
bool double_read(struct client_double *daemon);

/* double_expect - the next one but for heartbeats is of this type. */
void double_expect(struct client_double *daemon, uint16_t type);

/* double_expect_data - and is this record of numbered.h, under this number. */
void double_expect_data(struct client_double *daemon, uint64_t sequence,
			uint64_t number);

void double_hang_up(struct client_double *daemon);

/* double_reset - hang up by RST: what is on the way is lost. */
void double_reset(struct client_double *daemon);

/* double_await_close - until the client does. */
void double_await_close(struct client_double *daemon);

/* double_open - a client of it; NULL: a live subscriber. */
struct bcast_client *double_open(const struct client_double *daemon,
				 const struct bcast_client_options *how);

/* double_next - what bcast_client_next() returns, of whatever record. */
int double_next(struct bcast_client *client);

#endif
