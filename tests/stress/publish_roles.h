/* SPDX-License-Identifier: MIT */
/*
 * publish_roles.h - clients that are killed in test_publish_kills.c: each a
 * process of its own, which does its work until it dies, and then is followed
 * by another that goes on where it was.
 *
 * Record n of a publisher is that of published.h, so who takes it knows what it
 * must be. A subscriber writes on the board how far it has come, all of it in
 * one store; so to die at any instant is to have taken a record or not.
 */
#ifndef TESTS_PUBLISH_ROLES_H
#define TESTS_PUBLISH_ROLES_H

#include <stdatomic.h>
#include <stdint.h>

#define PUBLISH_SUBSCRIBERS 3u
#define PUBLISH_PUBLISHERS  2u
#define PUBLISH_MOST	    1000u /* bytes of payload */
#define PUBLISH_LOCAL	    9u	  /* source of local publishers */

/* What a subscriber has. */
struct publish_progress {
	uint64_t epoch;
	uint64_t position;			 /* 0: nothing yet */
	uint64_t sequence;			 /* of the next */
	uint64_t number[PUBLISH_PUBLISHERS + 1]; /* of the next, by source */
};

struct publish_taken {
	struct publish_progress both[2];
	_Atomic uint32_t which; /* the one that counts */
};

/* Shared by the test and all its children. */
struct publish_board {
	char name[32]; /* of the stream */
	uint16_t port;
	_Atomic uint32_t in_turns; /* clients leave room for local ones */
	_Atomic uint64_t goal; /* publishers: up to this number, then rest */
	struct publish_taken taken[PUBLISH_SUBSCRIBERS];
	_Atomic uint32_t wrong; /* how many complaints */
	char complaint[256];	/* the first */
};

struct publish_board *publish_board_new(void);
void publish_board_free(struct publish_board *board);

/* publish_board_progress - how far subscriber `index` is. */
const struct publish_progress *publish_board_progress(
	const struct publish_board *board, unsigned index);

/* The roles. argument: struct publish_role. They call test_child_ready(). */
struct publish_role {
	struct publish_board *board;
	unsigned index;
};
void publish_role_publisher(void *argument);
void publish_role_subscriber(void *argument);
void publish_role_local(void *argument);

#endif
