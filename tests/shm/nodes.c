/* SPDX-License-Identifier: MIT */
/* nodes.c - see nodes.h. */
#include "nodes.h"

#include <string.h>

#include <bcast/monitor.h>

#include "shm/record_index.h"
#include "shm/registry.h"

#define LIST_MAX 256

static void open_as(struct test_nodes *nodes, uint32_t count,
		    uint64_t inbox_bytes, uint32_t format)
{
	struct bc_registry_config config = {
		.node_count = count,
		.inbox_bytes = inbox_bytes,
		.mode = 0660,
		.group = (gid_t)-1,
	};
	struct bc_segment_config stream;

	nodes->name = test_name();
	stream = test_stream_config(nodes->name);
	stream.format = format;
	if (format == BCAST_FORMAT_PACKET)
		stream.index_entries = BC_RECORD_INDEX_ENTRIES;
	assert_int_equal(test_stream_open_as(&nodes->stream, &stream), 0);
	config.name = nodes->name;
	config.epoch = nodes->stream.segment.control->identity.epoch;
	assert_int_equal(bc_registry_create(&config), 0);
}

void test_nodes_open(struct test_nodes *nodes, uint32_t count)
{
	open_as(nodes, count, BC_PAGE, BCAST_FORMAT_RAW);
}

void test_nodes_open_large(struct test_nodes *nodes, uint32_t count,
			   uint64_t inbox_bytes)
{
	open_as(nodes, count, inbox_bytes, BCAST_FORMAT_RAW);
}

void test_nodes_open_packets(struct test_nodes *nodes, uint32_t count)
{
	open_as(nodes, count, BC_PAGE, BCAST_FORMAT_PACKET);
}

void test_nodes_close(struct test_nodes *nodes)
{
	(void)bc_registry_unlink(nodes->name);
	test_stream_close(&nodes->stream);
}

struct bcast_node *test_nodes_join(const struct test_nodes *nodes,
				   const char *id)
{
	struct bcast_node *node = NULL;

	assert_int_equal(bcast_join(nodes->name, id, NULL, &node), 0);
	return node;
}

int test_nodes_list(const struct test_nodes *nodes,
		    struct bcast_node_info *entries, int max)
{
	struct bcast_nodes *view;
	int count;

	assert_int_equal(bcast_nodes_open(nodes->name, &view), 0);
	count = bcast_nodes_list(view, entries, max);
	bcast_nodes_close(view);
	return count;
}

uint32_t test_nodes_state(const struct test_nodes *nodes, const char *id)
{
	static struct bcast_node_info entries[LIST_MAX];
	int count = test_nodes_list(nodes, entries, LIST_MAX);

	assert_in_range(count, 0, LIST_MAX);
	for (int i = 0; i < count; i++)
		if (strcmp(entries[i].id, id) == 0)
			return entries[i].state;
	return 0;
}

void test_nodes_member(void *child)
{
	const struct test_nodes_child *wish = child;
	struct bcast_join_options options = BCAST_JOIN_DEFAULTS;
	struct bcast_node *node;

	options.stuck_after_ms = wish->stuck_after_ms;
	test_child_check(
		bcast_join(wish->nodes->name, wish->id, &options, &node) == 0);
	test_child_ready();
	test_child_sleep();
}

void test_nodes_attach(const struct test_nodes *nodes,
		       struct bc_node_table *table)
{
	assert_int_equal(bc_node_table_attach(table, nodes->name, true), 0);
}
