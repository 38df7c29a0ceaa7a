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
	const char *name; /* of the stream */
	const char *id;	  /* join only */
	bool json;
	bool read;
	bool stuck_after_given;
	int stuck_after_ms;
	int timeout_ms; /* -1: none */
	const volatile sig_atomic_t *interrupted;
};

/* Each returns the exit code, from sysexits.h, after saying what went wrong. */
int node_join(const struct node_wish *wish);
int node_list(const struct node_wish *wish);
int node_watch(const struct node_wish *wish);

/* node_error - say why the stream's nodes cannot be reached; the exit code. */
int node_error(const struct node_wish *wish, int result, bool to_write);

#endif
