/* SPDX-License-Identifier: MIT */
/*
 * test_shmstat_nodes.c - the real bcast-shmstat --nodes: nodes in every state,
 * and registries that are missing, out of reach, foreign or damaged.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/histogram.h"
#include "shm/node_table.h"
#include "shown.h"

/* A stream with a registry for as many as a test can join. */
static int set_up(void **state)
{
	struct shown *shown;

	if (shown_set_up(state) < 0)
		return -1;
	shown = *state;
	tool_stream_create(&shown->stream, shown->name);
	tool_stream_add_nodes(&shown->stream, shown->name, SHOWN_NODES);
	return 0;
}

static struct bcast_node *join(struct shown *shown, int index, const char *id,
			       uint32_t stuck_after_ms)
{
	struct bcast_join_options options = BCAST_JOIN_DEFAULTS;

	options.stuck_after_ms = stuck_after_ms;
	assert_int_equal(
		bcast_join(shown->name, id, &options, &shown->nodes[index]), 0);
	return shown->nodes[index];
}

/* In a child: be a node until killed. */
static void be_mortal(void *argument)
{
	const struct shown *shown = argument;
	struct bcast_node *node;

	test_child_check(bcast_join(shown->name, "mortal", NULL, &node) == 0);
	test_child_ready();
	test_child_sleep();
}

static void leave_dead(struct shown *shown)
{
	struct test_child child = test_fork(be_mortal, shown);

	test_kill(&child);
}

static struct json_object *nodes(const struct shown *shown)
{
	return shown_get(shown->json, "nodes");
}

static struct json_object *of_node(const struct shown *shown, size_t index,
				   const char *key)
{
	return shown_get(json_object_array_get_idx(nodes(shown), index), key);
}

static void assert_node_is(const struct shown *shown, size_t index,
			   const char *id, const char *its_state)
{
	assert_string_equal(json_object_get_string(of_node(shown, index, "id")),
			    id);
	assert_string_equal(
		json_object_get_string(of_node(shown, index, "state")),
		its_state);
}

static void set_mode(const struct shown *shown, mode_t segment, mode_t registry)
{
	char path[128];

	assert_int_equal(fchmod(shown->stream.fd, segment), 0);
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s.nodes", shown->name);
	assert_int_equal(chmod(path, registry), 0);
}

/* ---- Who is there ------------------------------------------------------ */

static void no_nodes_are_a_heading_and_an_empty_array(void **state)
{
	struct shown *shown = *state;

	shown_json(shown, shown->name, "--nodes");
	assert_int_equal(json_object_array_length(nodes(shown)), 0);
	assert_false(
		json_object_object_get_ex(shown->json, "nodes_error", NULL));
	assert_int_equal(shown_run(shown, shown->name, "--nodes", NULL), 0);

	shown_assert_printed(shown, "nodes      0 of 3, lag max 0 B; 0 stuck, "
				    "0 damaged, 0 dead\n");
	shown_assert_printed(shown, "\n\nID  STATE ");
	assert_string_equal(shown->tool.error.bytes, "");
}

static void several_nodes_are_shown_by_slot(void **state)
{
	static const char *const ids[] = {"zeta", "alpha", "a.Z_9-"};
	struct shown *shown = *state;
	char row[128];

	for (int i = 0; i < 3; i++)
		join(shown, i, ids[i], 0);

	shown_json(shown, shown->name, "--nodes");
	assert_int_equal(json_object_array_length(nodes(shown)), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_node_is(shown, i, ids[i], "alive");
		assert_int_equal(
			json_object_get_uint64(of_node(shown, i, "slot")), i);
		assert_int_equal(
			json_object_get_uint64(of_node(shown, i, "pid")),
			getpid());
	}
	assert_int_equal(shown_run(shown, shown->name, "--nodes", NULL), 0);

	shown_assert_printed(shown, "nodes      3 of 3, ");
	snprintf(row, sizeof(row), "\nalpha   alive    %7ld  ", (long)getpid());
	shown_assert_printed(shown, row);
	/* no reader has no lag, which is not the same as a lag of 0 */
	shown_assert_printed(shown,
			     "         -         -      -         -        -"
			     "        -        -\na.Z_9-");
}

/* A reader, lapped once and 1000 bytes behind, with one known latency. */
static struct bcast_reader *reader_lapped_and_behind(struct shown *shown)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_node *node = join(shown, 0, "reader", 0);
	struct bcast_reader *reader;
	struct bc_node_table table;
	struct bc_node_shm *slot;
	static unsigned char buffer[TOOL_STREAM_RING];

	options.spin_ns = 0;
	assert_int_equal(bcast_node_reader(node, &options, &reader), 0);
	assert_int_equal(bcast_wait(reader, 1), 0);
	tool_stream_publish(&shown->stream, 3 * TOOL_STREAM_RING);
	assert_int_equal(bcast_wait(reader, 0), BCAST_ELAPPED);
	while (bcast_read(reader, buffer, sizeof(buffer)) > 0)
		;
	tool_stream_publish(&shown->stream, 1000);

	assert_int_equal(bc_node_table_attach(&table, shown->name, true), 0);
	slot = bc_node_table_slot(&table, 0);
	bc_histogram_record(&slot->latency, 8000);
	atomic_store(&slot->latency_max_ns, 8000);
	bc_node_table_detach(&table);
	return reader;
}

static void reader_shows_lag_waits_laps_and_latency(void **state)
{
	struct shown *shown = *state;
	struct bcast_reader *reader = reader_lapped_and_behind(shown);
	uint64_t lost;

	shown_json(shown, shown->name, "--nodes");
	lost = json_object_get_uint64(of_node(shown, 0, "lost_bytes"));
	assert_in_range(lost, 2 * TOOL_STREAM_RING, 3 * TOOL_STREAM_RING);
	assert_int_equal(json_object_get_uint64(of_node(shown, 0, "bytes")),
			 3 * TOOL_STREAM_RING - lost);
	assert_int_equal(json_object_get_uint64(of_node(shown, 0, "lag_bytes")),
			 1000);
	assert_int_equal(json_object_get_uint64(of_node(shown, 0, "waits")), 1);
	assert_int_equal(json_object_get_uint64(of_node(shown, 0, "laps")), 1);
	assert_int_equal(
		json_object_get_uint64(of_node(shown, 0, "latency_max_ns")),
		8000);
	assert_in_range(
		json_object_get_uint64(of_node(shown, 0, "latency_p99_ns")),
		8000, 9000);
	assert_int_equal(shown_run(shown, shown->name, "-n", NULL), 0);
	bcast_detach(reader);

	shown_assert_printed(shown, "nodes      1 of 3, lag max 1000 B; ");
	shown_assert_printed(shown, " s    1000 B         1      1  ");
	shown_assert_printed(shown, "      8.0\n");
}

static void without_the_option_there_is_a_count_and_no_table(void **state)
{
	struct shown *shown = *state;

	join(shown, 0, "alpha", 0);

	shown_json(shown, shown->name, NULL);
	assert_false(json_object_object_get_ex(shown->json, "nodes", NULL));
	assert_int_equal(shown_run(shown, shown->name, NULL, NULL), 0);

	shown_assert_printed(shown, "\nnodes      1 of 3, ");
	assert_null(strstr(shown->tool.out.bytes, "alpha"));
}

/* ---- Stuck and dead ---------------------------------------------------- */

static bool is_stuck(void *argument)
{
	struct shown *shown = argument;

	shown_json(shown, shown->name, "--nodes");
	return strcmp(json_object_get_string(of_node(shown, 0, "state")),
		      "stuck") == 0;
}

static void silent_node_is_stuck_and_stays(void **state)
{
	struct shown *shown = *state;

	join(shown, 0, "silent", 1);
	join(shown, 1, "patient", 0);

	assert_true(test_within(DEADLINE_MS, is_stuck, shown));

	assert_true(json_object_get_uint64(
			    of_node(shown, 0, "heartbeat_age_ns")) > 1000000);
	assert_node_is(shown, 1, "patient", "alive");
	assert_int_equal(shown_run(shown, shown->name, "--nodes", NULL), 0);
	shown_assert_printed(shown,
			     "nodes      2 of 3, lag max 0 B; 1 stuck, ");
	shown_assert_printed(shown, "\nsilent   stuck  ");
}

static void killed_node_is_cleared_by_looking(void **state)
{
	struct shown *shown = *state;

	leave_dead(shown);
	join(shown, 0, "alive", 0);

	shown_json(shown, shown->name, "--nodes");

	assert_int_equal(json_object_array_length(nodes(shown)), 1);
	assert_node_is(shown, 0, "alive", "alive");
}

static void killed_node_is_shown_dead_to_who_may_only_read(void **state)
{
	struct shown *shown = *state;

	join(shown, 0, "alive", 0);
	leave_dead(shown);
	set_mode(shown, 0444, 0444);

	assert_int_equal(
		shown_run_as_nobody(shown, shown->name, "--nodes", "--json"),
		0);
	shown->json = json_tokener_parse(shown->tool.out.bytes);
	assert_int_equal(json_object_array_length(nodes(shown)), 2);
	assert_node_is(shown, 0, "alive", "alive");
	assert_node_is(shown, 1, "mortal", "dead");
	assert_int_equal(
		shown_run_as_nobody(shown, shown->name, "--nodes", NULL), 0);

	shown_assert_printed(shown,
			     "nodes      1 of 3, lag max 0 B; 0 stuck, 0 "
			     "damaged, 1 dead\n");
	shown_assert_printed(shown, "\nmortal  dead  ");
}

static void nodes_of_a_closed_stream_are_shown(void **state)
{
	struct shown *shown = *state;

	join(shown, 0, "late", 0);
	bc_segment_set_state(&shown->stream, BC_STATE_CLOSED);

	shown_json(shown, shown->name, "--nodes");

	assert_string_equal(shown_text(shown, "stream", "state"), "closed");
	assert_node_is(shown, 0, "late", "alive");
}

/* ---- Out of reach ------------------------------------------------------ */

/* Both forms say it in one place, and show all the rest. */
static void assert_told(struct shown *shown, const char *text,
			int (*run)(struct shown *, const char *, const char *,
				   const char *))
{
	char line[256];
	const char *error;

	assert_int_equal(run(shown, shown->name, "--json", "-nC"), 0);
	json_object_put(shown->json);
	shown->json = json_tokener_parse(shown->tool.out.bytes);
	assert_non_null(shown->json);
	error = json_object_get_string(shown_get(shown->json, "nodes_error"));
	if (!strstr(error, text))
		fail_msg("no '%s' in: %s", text, error);
	assert_false(json_object_object_get_ex(shown->json, "nodes", NULL));
	assert_string_equal(shown_text(shown, "stream", "state"), "live");
	(void)shown_get(shown_get(shown->json, "counters"), "bytes_in");

	assert_int_equal(run(shown, shown->name, "-nC", NULL), 0);
	assert_string_equal(shown->tool.error.bytes, "");
	snprintf(line, sizeof(line),
		 "\n\nnodes cannot be shown: /dev/shm/bcast.%s.nodes: %s",
		 shown->name, text);
	shown_assert_printed(shown, line);
	shown_assert_printed(shown, "state      live\n");
	shown_assert_printed(shown, "\nCOUNTER ");
	/* none of them on the first screen, which the counters end */
	assert_true(strstr(shown->tool.out.bytes, "\nnodes ") >
		    strstr(shown->tool.out.bytes, "\nCOUNTER "));
	/* it is the last section, and one line */
	assert_ptr_equal(strchr(strstr(shown->tool.out.bytes, line) + 2, '\n'),
			 shown->tool.out.bytes + shown->tool.out.size - 1);
}

static void missing_registry_is_one_line(void **state)
{
	struct shown *shown = *state;

	tool_stream_remove_nodes(shown->name);

	assert_told(shown, "missing: the stream has no registry of nodes",
		    shown_run);
}

static void registry_without_permission_is_one_line(void **state)
{
	struct shown *shown = *state;

	set_mode(shown, 0444, 0);

	assert_told(shown, "Permission denied: it has mode 0000, user ",
		    shown_run_as_nobody);
}

static void registry_of_another_stream_is_one_line(void **state)
{
	struct shown *shown = *state;
	uint64_t epoch = 1;

	test_object_write(shown->name, ".nodes",
			  offsetof(struct bc_registry_shm, epoch), &epoch,
			  sizeof(epoch));

	assert_told(shown, "not the registry of this stream", shown_run);
}

static void foreign_and_short_registries_are_one_line(void **state)
{
	struct shown *shown = *state;

	tool_stream_remove_nodes(shown->name);
	test_object_create(shown->name, ".nodes", 1);
	assert_told(shown, bcast_strerror(BCAST_ETOOSMALL), shown_run);

	test_object_unlink(shown->name, ".nodes");
	test_object_create(shown->name, ".nodes", 1 << 20);
	test_object_write(shown->name, ".nodes", 0, "somebody else's", 15);
	assert_told(shown, bcast_strerror(BCAST_EFOREIGN), shown_run);
}

/* ---- Hostile contents -------------------------------------------------- */

static void assert_harmless(const struct shown *shown)
{
	for (size_t i = 0; i < shown->tool.out.size; i++) {
		char c = shown->tool.out.bytes[i];

		assert_true(c == '\n' || (c >= ' ' && c <= '~'));
	}
}

static void hostile_ids_are_made_harmless(void **state)
{
	static const char hostile[BC_NAME] = "\"\\\n\x1b[31m\t\xff_</\x7f%s%n";
	struct shown *shown = *state;
	struct bc_node_table table;

	join(shown, 0, "victim", 0);
	assert_int_equal(bc_node_table_attach(&table, shown->name, true), 0);
	memcpy(bc_node_table_slot(&table, 0)->id, hostile, sizeof(hostile));
	bc_node_table_detach(&table);

	shown_json(shown, shown->name, "--nodes");
	assert_node_is(shown, 0, "\"\\??[31m??_</?%s%n", "damaged");
	assert_harmless(shown);
	assert_int_equal(shown_run(shown, shown->name, "--nodes", NULL), 0);

	assert_harmless(shown);
	shown_assert_printed(shown, "\n\"\\??[31m??_</?%s%n  damaged  ");
	shown_assert_printed(shown, "; 0 stuck, 1 damaged, 0 dead\n");
}

/* Every bit that a node may write, set. */
static void hostile_numbers_are_shown(void **state)
{
	struct shown *shown = *state;
	struct bc_node_table table;
	struct bc_node_shm *slot;

	join(shown, 0, "victim", 0);
	assert_int_equal(bc_node_table_attach(&table, shown->name, true), 0);
	slot = bc_node_table_slot(&table, 0);
	memset((unsigned char *)slot + sizeof(slot->claim), 0xff,
	       sizeof(*slot) - sizeof(slot->claim));
	bc_node_table_detach(&table);

	shown_json(shown, shown->name, "--nodes");
	assert_true(json_object_get_uint64(of_node(shown, 0, "laps")) ==
		    UINT64_MAX);
	assert_int_equal(json_object_get_uint64(of_node(shown, 0, "lag_bytes")),
			 0);
	assert_int_equal(shown_run(shown, shown->name, "--nodes", NULL), 0);

	assert_harmless(shown);
	shown_assert_printed(shown, "  damaged  ");
	shown_assert_printed(shown, "  18446744073709551615  ");
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, shown_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_nodes_are_a_heading_and_an_empty_array),
		TEST(several_nodes_are_shown_by_slot),
		TEST(reader_shows_lag_waits_laps_and_latency),
		TEST(without_the_option_there_is_a_count_and_no_table),
		TEST(silent_node_is_stuck_and_stays),
		TEST(killed_node_is_cleared_by_looking),
		TEST(killed_node_is_shown_dead_to_who_may_only_read),
		TEST(nodes_of_a_closed_stream_are_shown),
		TEST(missing_registry_is_one_line),
		TEST(registry_without_permission_is_one_line),
		TEST(registry_of_another_stream_is_one_line),
		TEST(foreign_and_short_registries_are_one_line),
		TEST(hostile_ids_are_made_harmless),
		TEST(hostile_numbers_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
