/* SPDX-License-Identifier: MIT */
/*
 * test_shmstat.c - the real bcast-shmstat, looking at segments in every state
 * that a daemon can leave them in.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/errors.h"
#include "shm/facts.h"
#include "shown.h"

#define RECEIVERS_MANY 200

/* ---- A live stream ----------------------------------------------------- */

static void live_stream_is_shown_as_text(void **state)
{
	struct shown *shown = *state;
	char line[128];

	tool_stream_create(&shown->stream, shown->name);
	tool_stream_publish(&shown->stream, 100000);
	bc_counter_set(shown_counters(shown), BC_COUNTER_bytes_in, 1 << 20);
	bc_facts_set(&shown->stream, "backend", "io_uring");
	shown_connect(shown, 3, BCAST_ROLE_SENDER, "10.0.0.2:4100", 0);

	assert_int_equal(shown_run(shown, shown->name, NULL, NULL), 0);

	snprintf(line, sizeof(line), "stream     %s (raw)\n", shown->name);
	shown_assert_printed(shown, line);
	shown_assert_printed(shown, "state      live\n");
	shown_assert_printed(shown,
			     "ring       64.0 KiB, holds 64.0 KiB: positions "
			     "34464 to 100000\n");
	shown_assert_printed(shown, "in         1.00 MiB in 0 receives from "
				    "10.0.0.2:4100\n");
	shown_assert_printed(shown,
			     "receivers  0 of 7, lag max 0 B; 0 dropped, 0 "
			     "refused\n");
	shown_assert_printed(shown, "backend    io_uring\n");
	snprintf(line, sizeof(line), "owner      pid %ld, up 0.",
		 (long)getpid());
	shown_assert_printed(shown, line);
	assert_string_equal(shown->tool.error.bytes, "");
}

static void json_of_live_stream_is_exact(void **state)
{
	struct shown *shown = *state;
	char epoch[32];

	tool_stream_create(&shown->stream, shown->name);
	tool_stream_publish(&shown->stream, 70001);
	bc_facts_set(&shown->stream, "listen", "127.0.0.1:7400 [::1]:7400");
	snprintf(epoch, sizeof(epoch), "0x%016" PRIx64,
		 shown->stream.control->identity.epoch);

	shown_json(shown, shown->name, NULL);

	assert_string_equal(shown_text(shown, "stream", "name"), shown->name);
	assert_string_equal(shown_text(shown, "stream", "state"), "live");
	assert_string_equal(shown_text(shown, "stream", "epoch"), epoch);
	assert_string_equal(shown_text(shown, "stream", "writer_alive"),
			    "true");
	assert_int_equal(shown_number(shown, "stream", "tail"), 70001);
	assert_int_equal(shown_number(shown, "stream", "oldest"),
			 70001 - 65536);
	assert_int_equal(shown_number(shown, "stream", "capacity_bytes"),
			 65536);
	assert_int_equal(shown_number(shown, "stream", "owner_pid"), getpid());
	assert_int_equal(shown_number(shown, "stream", "incarnation"), 1);
	assert_string_equal(shown_text(shown, "facts", "listen"),
			    "127.0.0.1:7400 [::1]:7400");
	assert_false(json_object_object_get_ex(shown->json, "counters", NULL));
	assert_false(json_object_object_get_ex(shown->json, "closed", NULL));
	assert_false(json_object_object_get_ex(shown->json, "receivers", NULL));
}

static void numbers_of_64_bits_survive(void **state)
{
	static const uint64_t values[] = {
		(UINT64_C(1) << 53) - 1, UINT64_C(1) << 53,
		(UINT64_C(1) << 53) + 1, INT64_MAX,
		UINT64_C(1) << 63,	 UINT64_MAX,
	};
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct json_object *counter;

		bc_counter_set(shown_counters(shown), BC_COUNTER_bytes_out,
			       values[i]);

		shown_json(shown, shown->name, "--counters");

		counter = shown_get(shown_get(shown->json, "counters"),
				    "bytes_out");
		assert_true(json_object_get_uint64(
				    shown_get(counter, "value")) == values[i]);
		assert_true(shown_number(shown, "summary", "bytes_out") ==
			    values[i]);
	}
}

static void every_counter_is_shown_with_unit_and_help(void **state)
{
	struct shown *shown = *state;
	struct json_object *counter;

	tool_stream_create(&shown->stream, shown->name);

	shown_json(shown, shown->name, "--counters");

	assert_int_equal(
		json_object_object_length(shown_get(shown->json, "counters")),
		BC_COUNTER_COUNT);
	counter = shown_get(shown_get(shown->json, "counters"),
			    "sender_paused_ns");
	assert_string_equal(json_object_get_string(shown_get(counter, "unit")),
			    "ns");
	assert_string_equal(json_object_get_string(shown_get(counter, "kind")),
			    "counter");
	assert_int_equal(shown_run(shown, shown->name, "--counters", NULL), 0);
	shown_assert_printed(shown, "sender_paused_ns ");
	shown_assert_printed(shown,
			     " ns    time for which the sender was not read");
}

/* ---- Connections ------------------------------------------------------- */

static void many_receivers_are_all_shown(void **state)
{
	struct shown *shown = *state;
	struct json_object *receivers;

	tool_stream_create_big(&shown->stream, shown->name, TOOL_STREAM_RING,
			       RECEIVERS_MANY + 1);
	tool_stream_publish(&shown->stream, 5000);
	shown_connect(shown, 0, BCAST_ROLE_SENDER, "10.0.0.1:1", 0);
	for (uint32_t i = 1; i <= RECEIVERS_MANY; i++)
		shown_connect(shown, i, BCAST_ROLE_RECEIVER, "10.0.0.2:2",
			      5000 - i);

	shown_json(shown, shown->name, "--receivers");

	receivers = shown_get(shown->json, "receivers");
	assert_int_equal(json_object_array_length(receivers), RECEIVERS_MANY);
	for (uint32_t i = 1; i <= RECEIVERS_MANY; i++) {
		struct json_object *one =
			json_object_array_get_idx(receivers, i - 1);

		assert_int_equal(json_object_get_uint64(shown_get(one, "slot")),
				 i);
		assert_int_equal(
			json_object_get_uint64(shown_get(one, "lag_bytes")), i);
		assert_string_equal(
			json_object_get_string(shown_get(one, "role")),
			"receiver");
	}
	assert_int_equal(shown_number(shown, "summary", "receivers"),
			 RECEIVERS_MANY);
	assert_int_equal(shown_number(shown, "summary", "senders"), 1);
	assert_int_equal(shown_number(shown, "summary", "lag_max_bytes"),
			 RECEIVERS_MANY);
	assert_int_equal(
		json_object_array_length(shown_get(shown->json, "senders")), 1);
}

static void table_of_receivers_counts_its_rows(void **state)
{
	struct shown *shown = *state;
	size_t newlines = 0, newlines_with_table = 0;

	tool_stream_create(&shown->stream, shown->name);
	for (uint32_t i = 0; i < 3; i++)
		shown_connect(shown, i, BCAST_ROLE_RECEIVER,
			      "[2001:db8::1]:40123", 0);

	assert_int_equal(shown_run(shown, shown->name, NULL, NULL), 0);
	for (const char *c = shown->tool.out.bytes; *c; c++)
		newlines += *c == '\n';
	assert_int_equal(shown_run(shown, shown->name, "--receivers", NULL), 0);
	for (const char *c = shown->tool.out.bytes; *c; c++)
		newlines_with_table += *c == '\n';

	/* a blank line, a heading, three rows */
	assert_int_equal(newlines_with_table - newlines, 5);
	shown_assert_printed(shown, "    2 [2001:db8::1]:40123 127.0.0.1:7400 "
				    "receiver      0 B");
}

static void closed_connections_are_told_newest_first(void **state)
{
	struct shown *shown = *state;
	struct bc_peer_closing closing = {
		.role = BCAST_ROLE_RECEIVER,
		.reason = BCAST_CLOSE_RESET,
		.error = -ECONNRESET,
		.peer = "10.0.0.2:1",
		.bytes = 10,
	};
	struct json_object *closed, *newest, *oldest;

	tool_stream_create(&shown->stream, shown->name);
	bc_peers_remember(&shown->stream, &closing);
	closing.reason = BCAST_CLOSE_SLOW;
	closing.error = 0;
	closing.peer = "10.0.0.3:2";
	closing.lag = UINT64_C(3) << 20;
	bc_peers_remember(&shown->stream, &closing);

	shown_json(shown, shown->name, "--closed");

	closed = shown_get(shown->json, "closed");
	assert_int_equal(json_object_array_length(closed), 2);
	newest = json_object_array_get_idx(closed, 0);
	oldest = json_object_array_get_idx(closed, 1);
	assert_string_equal(json_object_get_string(shown_get(newest, "reason")),
			    "slow");
	assert_string_equal(json_object_get_string(shown_get(newest, "peer")),
			    "10.0.0.3:2");
	assert_int_equal(json_object_get_uint64(shown_get(newest, "lag_bytes")),
			 3 << 20);
	assert_int_equal(
		json_object_get_uint64(shown_get(oldest, "error_number")),
		ECONNRESET);
	assert_int_equal(shown_run(shown, shown->name, "--closed", NULL), 0);
	shown_assert_printed(shown,
			     " 10.0.0.3:2 receiver slow           3.00 MiB");
}

/* ---- States ------------------------------------------------------------ */

static void note(struct shown *shown, uint32_t level, const char *event,
		 const char *text, uint64_t last_s)
{
	const struct bc_region *region =
		&shown->stream.regions[BC_REGION_ERRORS];

	bc_errors_note((struct bc_error_shm *)(void *)region->base,
		       region->count,
		       &(struct bc_error_note){
			       .level = level,
			       .event = event,
			       .text = text,
			       .count = 1,
			       .first_realtime_ns = last_s * BC_NS_PER_S,
			       .last_realtime_ns = last_s * BC_NS_PER_S});
}

static void errors_are_told_newest_first(void **state)
{
	struct shown *shown = *state;
	struct json_object *errors, *first;

	tool_stream_create(&shown->stream, shown->name);
	note(shown, BCAST_LEVEL_WARN, "receiver_dropped", "reason=slow", 100);
	note(shown, BCAST_LEVEL_ERROR, "segment_unlinked", "", 50);
	note(shown, BCAST_LEVEL_WARN, "receiver_dropped", "reason=slow", 200);

	shown_json(shown, shown->name, "--errors");

	errors = shown_get(shown->json, "errors");
	assert_int_equal(json_object_array_length(errors), 2);
	first = json_object_array_get_idx(errors, 0);
	assert_string_equal(json_object_get_string(shown_get(first, "event")),
			    "receiver_dropped");
	assert_string_equal(json_object_get_string(shown_get(first, "text")),
			    "reason=slow");
	assert_string_equal(json_object_get_string(shown_get(first, "level")),
			    "warn");
	assert_int_equal(json_object_get_int64(shown_get(first, "count")), 2);
	assert_int_equal(
		json_object_get_int64(shown_get(first, "first_realtime_ns")),
		100 * BC_NS_PER_S);
	assert_int_equal(
		json_object_get_int64(shown_get(first, "last_realtime_ns")),
		200 * BC_NS_PER_S);

	assert_int_equal(shown_run(shown, shown->name, "--errors", NULL), 0);
	shown_assert_printed(shown, "2 warn  receiver_dropped reason=slow\n");
	shown_assert_printed(shown, "1 error segment_unlinked");
}

static void dead_daemon_is_told_and_its_numbers_stay(void **state)
{
	struct shown *shown = *state;

	tool_stream_leave_dead(shown->name, 1234);

	shown_json(shown, shown->name, "--receivers");

	assert_string_equal(shown_text(shown, "stream", "state"), "dead");
	assert_string_equal(shown_text(shown, "stream", "stored_state"),
			    "live");
	assert_string_equal(shown_text(shown, "stream", "writer_alive"),
			    "false");
	assert_int_equal(shown_number(shown, "stream", "tail"), 1234);
	assert_int_equal(shown_number(shown, "summary", "lag_max_bytes"), 1234);
	assert_int_equal(shown_run(shown, shown->name, NULL, NULL), 0);
	shown_assert_printed(shown, "state      dead: daemon died, heartbeat ");
	shown_assert_printed(shown, "1 of 7 at the end, lag max 1.21 KiB");
}

static void old_heartbeat_of_a_live_daemon_is_stuck(void **state)
{
	struct shown *shown = *state;
	uint64_t now_ns = bc_monotonic_ns();

	tool_stream_create(&shown->stream, shown->name);
	bc_segment_beat(&shown->stream, now_ns - 2 * (uint64_t)BC_NS_PER_S);

	shown_json(shown, shown->name, NULL);

	assert_string_equal(shown_text(shown, "stream", "state"), "stuck");
	assert_string_equal(shown_text(shown, "stream", "writer_alive"),
			    "true");
	assert_int_equal(shown_run(shown, shown->name, NULL, NULL), 0);
	shown_assert_printed(shown, "state      stuck: daemon is alive, but "
				    "heartbeat 2.");
}

static void draining_and_closed_are_told(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	bc_segment_set_state(&shown->stream, BC_STATE_DRAINING);
	shown_json(shown, shown->name, NULL);
	assert_string_equal(shown_text(shown, "stream", "state"), "draining");

	bc_segment_set_state(&shown->stream, BC_STATE_CLOSED);
	shown_json(shown, shown->name, NULL);
	assert_string_equal(shown_text(shown, "stream", "state"), "closed");
	assert_true(shown_number(shown, "stream", "ended_realtime_ns") > 0);
	assert_int_equal(shown_run(shown, shown->name, NULL, NULL), 0);
	shown_assert_printed(shown, "state      closed: ended 20");
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, shown_set_up, shown_tear_down)

static void local_publisher_is_shown(void **state)
{
	struct shown *shown = *state;
	struct bcast_publisher *publisher;
	char line[64];

	tool_stream_create_packets(&shown->stream, shown->name);
	tool_stream_add_nodes(&shown->stream, shown->name, 3);
	assert_int_equal(
		bcast_join(shown->name, "writer", NULL, &shown->nodes[0]), 0);
	assert_int_equal(
		bcast_publisher_open(shown->nodes[0], NULL, &publisher), 0);
	assert_int_equal(bcast_publish(publisher, "one", 3), 0);
	assert_int_equal(bcast_flush(publisher), 0);
	snprintf(line, sizeof(line), "from local publisher writer, pid %d, ",
		 (int)getpid());

	assert_int_equal(shown_run(shown, shown->name, NULL, NULL), 0);
	shown_assert_printed(shown, line);
	shown_assert_printed(shown, "records    1\n");
	shown_json(shown, shown->name, NULL);
	assert_string_equal(shown_text(shown, "writer", "kind"), "node");
	assert_string_equal(shown_text(shown, "writer", "who"), "writer");
	assert_int_equal(shown_number(shown, "writer", "pid"), getpid());
	assert_int_equal(shown_number(shown, "stream", "sequence"), 2);
	bcast_publisher_close(publisher);
	shown_json(shown, shown->name, NULL);
	assert_string_equal(shown_text(shown, "writer", "kind"), "nobody");
	assert_int_equal(shown_run(shown, shown->name, NULL, NULL), 0);
	shown_assert_printed(shown, "no sender");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(local_publisher_is_shown,
						shown_set_up, shown_tear_down),
		TEST(live_stream_is_shown_as_text),
		TEST(json_of_live_stream_is_exact),
		TEST(numbers_of_64_bits_survive),
		TEST(every_counter_is_shown_with_unit_and_help),
		TEST(many_receivers_are_all_shown),
		TEST(table_of_receivers_counts_its_rows),
		TEST(closed_connections_are_told_newest_first),
		TEST(errors_are_told_newest_first),
		TEST(dead_daemon_is_told_and_its_numbers_stay),
		TEST(old_heartbeat_of_a_live_daemon_is_stuck),
		TEST(draining_and_closed_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
