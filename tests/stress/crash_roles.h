/* SPDX-License-Identifier: MIT */
/*
 * crash_roles.h - those who are killed in test_crash.c, each a process of its
 * own, that works until it dies, and checks all that it gets. What it finds
 * wrong it writes on the board, which the test looks at.
 */
#ifndef TESTS_CRASH_ROLES_H
#define TESTS_CRASH_ROLES_H

#include <stdatomic.h>
#include <stdint.h>

/* Shared by the test and all its children. */
struct board {
	char name[32];	  /* of the stream */
	char address[32]; /* where receivers connect */
	_Atomic uint64_t published;
	_Atomic uint64_t read;	   /* records, by local readers */
	_Atomic uint64_t lost;	   /* records that lapped ones were told of */
	_Atomic uint64_t received; /* records, over TCP */
	_Atomic uint64_t messages;
	_Atomic uint32_t wrong; /* how many complaints */
	char complaint[256];	/* the first */
};

/* board_new - shared with children to be forked; zero. */
struct board *board_new(void);
void board_free(struct board *board);

/* The roles. argument: struct role. They call test_child_ready(). */
struct role {
	struct board *board;
	unsigned number; /* which of its kind */
};
void role_publisher(void *role); /* takes the lease, publishes */
void role_node(void *role);	 /* a node's reader, record by record */
void role_plain(void *role);	 /* a plain reader, by spans */
void role_receiver(void *role);	 /* over TCP, comes back when thrown out */
void role_talker(void *role);	 /* sends the other talkers messages */

#define TALKERS 3u

#endif
