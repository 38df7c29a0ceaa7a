/* SPDX-License-Identifier: MIT */
/* node.h - the parts of bcast-node. node.c begins, and calls the others. */
#ifndef TOOLS_NODE_H
#define TOOLS_NODE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <bcast/bcast.h>

#define NODE_PROGRAM "bcast-node"

/* What the command line asks for. */
struct node_wish {
	const char *name;    /* of the stream */
	const char *operand; /* join, recv: our id; send: to whom, or NULL */
	const char *from;    /* send: our id; NULL: one is made up */
	const char *text;    /* send: the message; NULL: standard input */
	uint32_t given;	     /* 1 << option, for each that was there */
	bool json;
	bool read;
	bool raw;
	bool whole;
	uint64_t count; /* recv: 0: no end */
	uint16_t type;
	int stuck_after_ms;
	int timeout_ms; /* -1: none */
	const volatile sig_atomic_t *interrupted;
};

/* Each returns the exit code, from sysexits.h, after saying what went wrong. */
int node_join(const struct node_wish *wish);
int node_list(const struct node_wish *wish);
int node_recv(const struct node_wish *wish);
int node_send(const struct node_wish *wish);
int node_watch(const struct node_wish *wish);

/* node_error - say why the stream's nodes cannot be reached; the exit code. */
int node_error(const struct node_wish *wish, int result, bool to_write);

/* node_refused - say why joining as `id` failed; the exit code. */
int node_refused(const struct node_wish *wish, const char *id, int result,
		 const struct bcast_refusal *refusal);

/* node_now_ms - of a clock that only goes forward. */
int64_t node_now_ms(void);

#endif
