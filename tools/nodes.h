/* SPDX-License-Identifier: MIT */
/*
 * nodes.h - the local nodes of a stream: read, and shown as text or JSON the
 * same way by every tool.
 */
#ifndef TOOLS_NODES_H
#define TOOLS_NODES_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/bcast.h>

/* A list as large as it can get. Zeroed is empty. */
struct nodes {
	struct bcast_node_info *entries; /* by slot */
	int count;
	uint32_t limit;
};

/* nodes_init - room for all that `view` can have. False: out of memory. */
bool nodes_init(struct nodes *nodes, const struct bcast_nodes *view);

/* nodes_fill - read them anew. Returns 0, or as bcast_nodes_list(). */
int nodes_fill(struct nodes *nodes, struct bcast_nodes *view);

/*
 * nodes_read - all of a stream, into a zeroed list. Returns 0, or as
 * bcast_nodes_open() and bcast_nodes_list(). nodes_free() frees it in any case.
 */
int nodes_read(const char *name, struct nodes *nodes);
void nodes_free(struct nodes *nodes);

/* nodes_text - a table on standard output: a heading, and a line a node. */
void nodes_text(const struct nodes *nodes);

/* nodes_json_one - the keys of bcast/fields.def into an object. */
void nodes_json_one(struct json_object *object,
		    const struct bcast_node_info *n);

/* nodes_json - an array of such objects. */
struct json_object *nodes_json(const struct nodes *nodes);

/* A line of text, whatever the stream is called. */
struct nodes_problem {
	char text[1280];
};

/*
 * nodes_forbidden - whether `result` is for lack of permission to the registry;
 * if so, *problem says to which file and what to do.
 */
bool nodes_forbidden(const char *name, int result, bool to_write,
		     struct nodes_problem *problem);

/*
 * nodes_problem - why the nodes of a stream that can itself be read cannot be
 * listed: `result` is what nodes_read() returned.
 */
struct nodes_problem nodes_problem(const char *name, int result);

#endif
