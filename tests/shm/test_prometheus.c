/* SPDX-License-Identifier: MIT */
/*
 * test_prometheus.c - client_prometheus.c: the text in buffers of any size, and
 * latencies as a histogram. What the metrics say: tests/tools.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "nodes.h"
#include "shm/histogram.h"

#define ROOM 65536

static struct test_nodes nodes;
static struct bcast_monitor *monitor;
static char whole[ROOM];
static char part[ROOM];
static struct bcast_node *node;
static struct bc_node_table table;

static int set_up(void **state)
{
	(void)state;
	test_nodes_open(&nodes, 2);
	node = test_nodes_join(&nodes, "reader");
	test_nodes_attach(&nodes, &table);
	return bcast_monitor_open(nodes.name, &monitor);
}

static int tear_down(void **state)
{
	(void)state;
	bcast_monitor_close(monitor);
	bc_node_table_detach(&table);
	bcast_leave(node);
	test_nodes_close(&nodes);
	return 0;
}

static void assert_line(const char *name, const char *labels, const char *value)
{
	char line[256];

	snprintf(line, sizeof(line), "\n%s{stream=\"%s\",%s} %s\n", name,
		 nodes.name, labels, value);
	if (!strstr(whole, line))
		fail_msg("no '%s' in:\n%s", line, whole);
}

static void latencies_are_a_cumulative_histogram(void **state)
{
	struct bc_histogram_shm *latency =
		&bc_node_table_slot(&table, 0)->latency;

	(void)state;
	bc_histogram_record(latency, 1023); /* the first bound, */
	bc_histogram_record(latency, 1024); /* and beyond it */
	bc_histogram_record(latency, 5000);
	bc_histogram_record(latency, UINT64_MAX);

	assert_true(bcast_monitor_prometheus(monitor, BCAST_METRICS_NODES,
					     whole, sizeof(whole)) > 0);

#define BUCKET(le, count)                                \
	assert_line("bcast_node_latency_seconds_bucket", \
		    "node=\"reader\",le=\"" le "\"", count)
	BUCKET("0.000001023", "1");
	BUCKET("0.000002047", "2");
	BUCKET("0.000008191", "3");
	BUCKET("+Inf", "4");
	assert_line("bcast_node_latency_seconds_count", "node=\"reader\"", "4");
}

static void node_that_measures_nothing_has_no_histogram(void **state)
{
	(void)state;
	assert_true(bcast_monitor_prometheus(monitor, BCAST_METRICS_NODES,
					     whole, sizeof(whole)) > 0);

	assert_non_null(strstr(whole, "node=\"reader\""));
	assert_null(strstr(whole, "bcast_node_latency_seconds"));
}

/* Without nodes, whose ages differ from call to call in their length. */
static void text_that_has_no_room_is_cut_and_its_length_told(void **state)
{
	int64_t length;

	(void)state;
	length = bcast_monitor_prometheus(monitor, 0, whole, sizeof(whole));
	assert_true(length > 1000 && length < ROOM);
	assert_int_equal(strlen(whole), length);
	assert_int_equal(whole[length - 1], '\n');

	for (int64_t size = length - 1; size <= length + 1; size++) {
		memset(part, '!', sizeof(part));

		assert_true(llabs(bcast_monitor_prometheus(monitor, 0, part,
							   (size_t)size) -
				  length) <= 20);
		assert_true(strlen(part) < (size_t)size);
		assert_int_equal(part[size], '!');
	}
	assert_true(bcast_monitor_prometheus(monitor, 0, NULL, 0) > 1000);
}

static void missing_registry_is_told_and_not_left_out(void **state)
{
	(void)state;
	test_object_unlink(nodes.name, ".nodes");

	assert_int_equal(bcast_monitor_prometheus(monitor, BCAST_METRICS_NODES,
						  whole, sizeof(whole)),
			 BCAST_ENOTREADY);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(latencies_are_a_cumulative_histogram),
		TEST(node_that_measures_nothing_has_no_histogram),
		TEST(text_that_has_no_room_is_cut_and_its_length_told),
		TEST(missing_registry_is_told_and_not_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
