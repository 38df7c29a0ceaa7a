/* SPDX-License-Identifier: MIT */
/* nodes.h - for the tests of nodes: a stream with its registry. */
#ifndef TESTS_NODES_H
#define TESTS_NODES_H

#include "stream.h"

#include <bcast/bcast.h>

#include "shm/node_table.h"

struct test_nodes {
	const char *name;
	struct test_stream stream;
};

/*
 * test_nodes_open - a live stream with room for `count` nodes, whose inboxes
 * have a page, or so many bytes.
 */
void test_nodes_open(struct test_nodes *nodes, uint32_t count);
void test_nodes_open_large(struct test_nodes *nodes, uint32_t count,
			   uint64_t inbox_bytes);

/* test_nodes_open_packets - the same, of a stream of packets. */
void test_nodes_open_packets(struct test_nodes *nodes, uint32_t count);

/* test_nodes_close - leave nothing. Idempotent. */
void test_nodes_close(struct test_nodes *nodes);

/* test_nodes_join - join as `id`, which must succeed. */
struct bcast_node *test_nodes_join(const struct test_nodes *nodes,
				   const char *id);

/* test_nodes_list - one look, sweep included, by a view of its own. */
int test_nodes_list(const struct test_nodes *nodes,
		    struct bcast_node_info *entries, int max);

/* test_nodes_state - the state that the list gives `id`; 0: not in it. */
uint32_t test_nodes_state(const struct test_nodes *nodes, const char *id);

/*
 * A child that joins as `id` and then sleeps until it is killed. `id` must
 * stay valid until it has started.
 */
struct test_nodes_child {
	const struct test_nodes *nodes;
	const char *id;
	uint32_t stuck_after_ms;
};
void test_nodes_member(void *child);

/* test_nodes_attach - a table over the same registry; must succeed. */
void test_nodes_attach(const struct test_nodes *nodes,
		       struct bc_node_table *table);

#endif
