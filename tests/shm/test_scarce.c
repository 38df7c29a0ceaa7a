/* SPDX-License-Identifier: MIT */
/* The library without memory, at each of its allocations in turn. */
#include <dirent.h>
#include <errno.h>

#include <bcast/bcast.h>
#include <bcast/message.h>
#include <bcast/monitor.h>
#include <bcast/node.h>
#include <bcast/publisher.h>

#include "nodes.h"
#include "scarce.h"

#define ALLOCATIONS_MAX 100u

static struct test_nodes stream;

/* All handles that there are. */
struct handles {
	struct bcast_reader *reader, *node_reader;
	struct bcast_node *node;
	struct bcast_publisher *publisher;
	struct bcast_nodes *nodes;
	struct bcast_monitor *monitor;
};

/* The first that fails says how, and the others are not tried. */
static int open_all(struct handles *all)
{
	struct bcast_message message;
	int ret = bcast_attach(stream.name, NULL, &all->reader);

	if (ret == 0)
		ret = bcast_event_fd(all->reader);
	if (ret >= 0)
		ret = bcast_join(stream.name, "scarce", NULL, &all->node);
	if (ret == 0)
		ret = bcast_node_reader(all->node, NULL, &all->node_reader);
	if (ret == 0)
		ret = bcast_publisher_open(all->node, NULL, &all->publisher);
	if (ret == 0)
		ret = bcast_send(all->node, "scarce", 1, "hello", 5, 0);
	if (ret == 0)
		ret = bcast_recv(all->node, &message, 0);
	if (ret >= 0)
		ret = bcast_nodes_open(stream.name, &all->nodes);
	if (ret == 0)
		ret = bcast_monitor_open(stream.name, &all->monitor);
	return ret;
}

static void close_all(struct handles *all)
{
	bcast_monitor_close(all->monitor);
	bcast_nodes_close(all->nodes);
	bcast_publisher_close(all->publisher);
	bcast_detach(all->node_reader);
	bcast_leave(all->node);
	bcast_detach(all->reader);
}

static unsigned count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	(void)closedir(directory);
	return count;
}

static void each_allocation_may_fail_and_nothing_is_leaked(void **state)
{
	unsigned descriptors, live, n = 0;
	bool failed;

	(void)state;
	test_nodes_open(&stream, 4);
	live = scarce_live();
	descriptors = count_descriptors();
	do {
		struct handles all = {0};
		int ret;

		scarce_at(++n);
		ret = open_all(&all);
		failed = scarce_has_failed();
		scarce_at(0);
		close_all(&all);

		if (failed && ret != -ENOMEM)
			fail_msg("allocation %u: %s", n, bcast_strerror(ret));
		if (!failed)
			assert_int_equal(ret, 0);
		if (scarce_live() != live)
			fail_msg("allocation %u: %d are left", n,
				 (int)(scarce_live() - live));
		if (count_descriptors() != descriptors)
			fail_msg("allocation %u: a descriptor is left", n);
	} while (failed && n < ALLOCATIONS_MAX);

	/* a handle each, and what a node needs */
	assert_in_range(n, 8, ALLOCATIONS_MAX - 1);
	test_nodes_close(&stream);
}

static int close_stream(void **state)
{
	(void)state;
	test_nodes_close(&stream);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			each_allocation_may_fail_and_nothing_is_leaked,
			close_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
