/* SPDX-License-Identifier: MIT */
/*
 * test_shmstat_metrics.c - bcast-shmstat --prometheus and --fields: the same
 * numbers as in JSON, in a format that Prometheus's own tool accepts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/facts.h"
#include "shown.h"

#define PROMTOOL "/usr/bin/promtool"

static void put_everything_there(struct shown *shown)
{
	tool_stream_create(&shown->stream, shown->name);
	tool_stream_add_nodes(&shown->stream, shown->name, 4);
	tool_stream_publish(&shown->stream, 70001);
	bc_counter_set(shown_counters(shown), BC_COUNTER_bytes_in, 70001);
	bc_counter_set(shown_counters(shown), BC_COUNTER_bytes_out, UINT64_MAX);
	bc_counter_set(shown_counters(shown), BC_COUNTER_sender_paused_ns, 17);
	bc_facts_set(&shown->stream, "backend", "io_\"uring\\");
	shown_connect(shown, 3, BCAST_ROLE_RECEIVER, "10.0.0.2:4100", 70000);
	assert_int_equal(
		bcast_join(shown->name, "reader", NULL, &shown->nodes[0]), 0);
}

/* A line of this stream's: NAME{stream="...",REST */
static void assert_metric(const struct shown *shown, const char *name,
			  const char *rest)
{
	char line[256];

	snprintf(line, sizeof(line), "\n%s{stream=\"%s\"%s\n", name,
		 shown->name, rest);
	shown_assert_printed(shown, line);
}

static void metrics_are_the_true_numbers(void **state)
{
	struct shown *shown = *state;

	put_everything_there(shown);

	assert_int_equal(shown_run(shown, "--prometheus", "-rn", shown->name),
			 0);

	assert_metric(shown, "bcast_stream_tail_bytes_total", "} 70001");
	assert_metric(shown, "bcast_in_bytes_total", "} 70001");
	assert_metric(shown, "bcast_out_bytes_total", "} 18446744073709551615");
	assert_metric(shown, "bcast_sender_paused_seconds_total",
		      "} 0.000000017");
	assert_metric(shown, "bcast_stream_fact",
		      ",fact=\"backend\",value=\"io_\\\"uring\\\\\"} 1");
	assert_metric(shown, "bcast_peer_lag_bytes",
		      ",slot=\"3\",peer=\"10.0.0.2:4100\"} 1");
	assert_metric(shown, "bcast_node_info",
		      ",node=\"reader\",state=\"alive\"} 1");
	assert_string_equal(shown->tool.error.bytes, "");
}

static void connections_and_nodes_come_only_if_asked_for(void **state)
{
	struct shown *shown = *state;

	put_everything_there(shown);

	assert_int_equal(shown_run(shown, "--prometheus", shown->name, NULL),
			 0);

	assert_null(strstr(shown->tool.out.bytes, "bcast_peer_"));
	assert_null(strstr(shown->tool.out.bytes, "bcast_node_"));
}

static void every_counter_is_a_metric_with_its_help(void **state)
{
	struct shown *shown = *state;
	const struct bc_counter_shm *counters;
	size_t types = 0;

	put_everything_there(shown);
	counters = shown_counters(shown);

	assert_int_equal(shown_run(shown, "--prometheus", shown->name, NULL),
			 0);

	for (unsigned i = 0; i < BC_COUNTER_COUNT; i++)
		shown_assert_printed(shown, counters[i].help);
	for (const char *at = shown->tool.out.bytes;
	     (at = strstr(at, "# TYPE ")) != NULL; at++)
		types++;
	assert_true(types > BC_COUNTER_COUNT);
}

static void prometheus_has_nothing_to_object_to(void **state)
{
	struct shown *shown = *state;
	char command[512];

	if (access(PROMTOOL, X_OK) < 0) {
		print_message("skipped: no " PROMTOOL
			      " (package prometheus)\n");
		skip();
	}
	put_everything_there(shown);
	snprintf(command, sizeof(command),
		 TOOL " --prometheus -rn %s | timeout 20 " PROMTOOL
		      " check metrics",
		 shown->name);

	/* it ends with 3 where it would only object to a name */
	assert_int_equal(system(command), 0);
}

static void metrics_of_a_dead_stream_say_so(void **state)
{
	struct shown *shown = *state;
	char line[256];

	tool_stream_leave_dead(shown->dead, 1000);

	assert_int_equal(shown_run(shown, "--prometheus", shown->dead, NULL),
			 0);

	snprintf(line, sizeof(line),
		 "bcast_stream_info{stream=\"%s\",state=\"dead\",",
		 shown->dead);
	shown_assert_printed(shown, line);
	snprintf(line, sizeof(line),
		 "bcast_stream_writer_alive{stream=\"%s\"} 0\n", shown->dead);
	shown_assert_printed(shown, line);
}

static void nodes_out_of_reach_are_an_error_not_a_gap(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);

	assert_int_equal(shown_run(shown, "--prometheus", "-n", shown->name),
			 77);

	shown_assert_complained(shown, "the stream has no registry of nodes");
}

static void fields_are_plain_lines_with_unit_and_meaning(void **state)
{
	struct shown *shown = *state;

	put_everything_there(shown);

	assert_int_equal(shown_run(shown, "--fields", shown->name, NULL), 0);

	shown_assert_printed(shown, " 70001 bytes position after the newest");
	shown_assert_printed(shown, "\nwriter.kind ");
	shown_assert_printed(shown, "\nsummary.receivers ");
	shown_assert_printed(
		shown, " 17 ns    time for which the sender was not read");
}

static void formats_exclude_each_other(void **state)
{
	struct shown *shown = *state;

	assert_int_equal(shown_run(shown, "--json", "--prometheus", NULL), 64);
	shown_assert_complained(shown, "one of --json");
	assert_int_equal(shown_run(shown, "--prometheus", "-C", NULL), 64);
	shown_assert_complained(shown, "--prometheus goes with");
	assert_int_equal(shown_run(shown, "--prometheus", "--list", NULL), 64);
	shown_assert_complained(shown, "--list goes with");
}

#define TEST(claim) \
	cmocka_unit_test_setup_teardown(claim, shown_set_up, shown_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(metrics_are_the_true_numbers),
		TEST(connections_and_nodes_come_only_if_asked_for),
		TEST(every_counter_is_a_metric_with_its_help),
		TEST(prometheus_has_nothing_to_object_to),
		TEST(metrics_of_a_dead_stream_say_so),
		TEST(nodes_out_of_reach_are_an_error_not_a_gap),
		TEST(fields_are_plain_lines_with_unit_and_meaning),
		TEST(formats_exclude_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
