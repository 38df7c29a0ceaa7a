/* SPDX-License-Identifier: MIT */
/*
 * takers.h - what local publishers of a test publish, and those who take it:
 * over TCP and in shared memory, each checked byte by byte.
 *
 * Of a stream of bytes, the byte at each position is that of the pattern. Of a
 * stream of packets, record n has a length and a payload that follow from n; a
 * taker holds every field of every header against what it must be, and each
 * record against the number of the one before. What is wrong fails the test on
 * the spot. Takers never block, so one thread can move many, and publish too.
 */
#ifndef TESTS_TAKERS_H
#define TESTS_TAKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "daemon_fixture.h"

#define TAKERS_MAX 8u

struct taker {
	int fd;			     /* TCP; -1: none */
	struct bcast_reader *reader; /* or in shared memory, or neither */
	bool packets;
	bool stalled;	/* by the test: takes nothing */
	bool may_lap;	/* reader: losses are fine, of whole records */
	bool ended;	/* no more will come */
	int error;	/* its end: 0 or -errno; BCAST_E... of a reader */
	uint64_t bytes; /* taken */
	uint64_t next;	/* position, or number of the next record (0: any) */
	size_t most;	/* packets: publishing.most, if not 0 */
	uint64_t laps;	/* of a reader that may */
	uint8_t *part;	/* a record that has not come whole */
	size_t part_size;
};

struct takers {
	struct daemon_fixture *daemon;
	bool packets;
	size_t most; /* for those that come from now on */
	struct taker all[TAKERS_MAX];
	unsigned count;
};

/* takers_open - none yet. `daemon` runs. */
void takers_open(struct takers *takers, struct daemon_fixture *daemon,
		 bool packets);
void takers_close(struct takers *takers);

/*
 * takers_receive - a TCP receiver at the live end, once the daemon has it. Of a
 * stream of bytes it is taken to be at position 0, unless the test changes
 * `next`.
 */
struct taker *takers_receive(struct takers *takers, int rcvbuf_bytes);

/* takers_adopt - a connection of the test's. */
struct taker *takers_adopt(struct takers *takers, int fd);

/* takers_read_local - a local reader at the live end. */
struct taker *takers_read_local(struct takers *takers);

/* takers_step - let all take what is there, or wait a millisecond for it. */
void takers_step(struct takers *takers);

/* takers_run_until - step until the condition holds; fails when too late. */
void takers_run_until(struct takers *takers, bool (*condition)(void *),
		      void *argument);

/*
 * takers_settle - step until all that neither stall nor have ended are at
 * `next` (as in struct taker).
 */
void takers_settle(struct takers *takers, uint64_t next);

/* takers_run_to_end - until all that do not stall have ended. */
void takers_run_to_end(struct takers *takers);

/* ---- Who publishes ----------------------------------------------------- */

/*
 * What a publisher goes on with: where the stream stands, in either format.
 * `most` is the largest publication; 0: the limit.
 */
struct publishing {
	const char *name; /* of the stream */
	const char *id;
	int lease_wait_ms;
	bool impatient; /* does not wait for room at all */
	size_t most;
	uint64_t count; /* children: publications; UINT64_MAX: until the end */
	bool die_claiming; /* children: claim, half write, then only wait */

	struct bcast_node *node;
	struct bcast_publisher *publisher;
	bool packets;
	uint64_t next; /* as in struct taker */
};

/* publishing_try - join and take the lease: 0, or what the library said. */
int publishing_try(struct publishing *publishing);

/* publishing_one - the next publication: 0, or what the library said. */
int publishing_one(struct publishing *publishing);

void publishing_close(struct publishing *publishing);

/*
 * publishing_child - for test_fork(): open, say ready, publish. Exits with 0
 * when done; ends as checked if the library says anything but BCAST_ECLOSED.
 */
void publishing_child(void *publishing);

#endif
