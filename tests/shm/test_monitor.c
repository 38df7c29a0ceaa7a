/* SPDX-License-Identifier: MIT */
/*
 * test_monitor.c - client_monitor.c and client_list.c: a stream seen from
 * outside, sound and hostile.
 */
#include "stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/counters.h"
#include "shm/facts.h"
#include "shm/peers.h"
#include "shm/text.h"

static struct test_stream stream;
static struct bcast_monitor *monitor;

static int open_both(void **state)
{
	(void)state;
	if (test_stream_open(&stream, test_name()) < 0)
		return -1;
	return bcast_monitor_open(stream.name, &monitor);
}

static int close_both(void **state)
{
	(void)state;
	bcast_monitor_close(monitor);
	test_stream_close(&stream);
	return 0;
}

static void *region(enum bc_region_id id)
{
	return stream.segment.regions[id].base;
}

/* ---- The stream -------------------------------------------------------- */

static void stream_is_described_as_it_is(void **state)
{
	struct bcast_stream_info info;

	(void)state;
	test_stream_write(&stream, 1000);
	bc_ring_reserve(&stream.segment.ring, 500);
	bc_segment_beat(&stream.segment, bc_monotonic_ns());

	assert_int_equal(bcast_monitor_stream(monitor, &info), 0);

	assert_string_equal(info.name, stream.name);
	assert_int_equal(info.epoch, stream.segment.control->identity.epoch);
	assert_int_equal(info.incarnation, 1);
	assert_int_equal(info.state, BCAST_STREAM_LIVE);
	assert_int_equal(info.format, BCAST_FORMAT_RAW);
	assert_int_equal(info.writer_alive, 1);
	assert_int_equal(info.owner_pid, getpid());
	assert_int_equal(info.capacity, TEST_CAPACITY);
	assert_int_equal(info.segment_size, stream.segment.segment_size);
	assert_int_equal(info.tail, 1000);
	assert_int_equal(info.reserved, 1500);
	assert_int_equal(info.oldest, 0);
	assert_int_equal(info.publishes, 2); /* LIVE was one */
	assert_true(info.created_realtime_ns > 0);
	assert_int_equal(info.ended_realtime_ns, 0);
	assert_true(info.heartbeat_age_ns < DEADLINE_MS * UINT64_C(1000000));
	assert_int_equal(info.max_receivers, 4);
	assert_int_equal(info.peer_slots, 8);
}

static void oldest_never_lies_beyond_the_tail(void **state)
{
	struct bcast_stream_info info;

	(void)state;
	test_stream_jump(&stream, 5 * TEST_CAPACITY);
	bc_ring_reserve(&stream.segment.ring, TEST_CAPACITY);

	assert_int_equal(bcast_monitor_stream(monitor, &info), 0);
	assert_int_equal(info.oldest, 5 * TEST_CAPACITY);
	atomic_store(&stream.segment.ring.head->reserved, UINT64_MAX);
	assert_int_equal(bcast_monitor_stream(monitor, &info), 0);
	assert_int_equal(info.oldest, 5 * TEST_CAPACITY);
}

static void heartbeat_of_the_future_is_of_age_0(void **state)
{
	struct bcast_stream_info info;

	(void)state;
	bc_segment_beat(&stream.segment, UINT64_MAX);

	assert_int_equal(bcast_monitor_stream(monitor, &info), 0);
	assert_int_equal(info.heartbeat_age_ns, 0);
}

static void dead_stream_is_still_evidence(void **state)
{
	struct bcast_stream_info info;

	(void)state;
	test_stream_write(&stream, 1000);
	bc_segment_close(&stream.segment); /* as kill -9 does */

	assert_int_equal(bcast_monitor_stream(monitor, &info), 0);
	assert_int_equal(info.writer_alive, 0);
	assert_int_equal(info.state, BCAST_STREAM_LIVE);
	assert_int_equal(info.tail, 1000);

	bc_name_lock_drop(&stream.lock);
	test_stream_erase(info.name);
}

static void failure_to_open_is_passed_on(void **state)
{
	struct bcast_monitor *none = NULL;

	(void)state;

	assert_int_equal(bcast_monitor_open(test_name(), &none), -ENOENT);
	assert_int_equal(bcast_monitor_open("", &none), BCAST_ENAME);
	assert_null(none);
	bcast_monitor_close(NULL);
}

/* ---- Counters and facts ------------------------------------------------ */

static void all_counters_are_shown_in_their_order(void **state)
{
	struct bcast_counter_info info;
	uint32_t next = 0, count = 0;

	(void)state;
	bc_counter_add(region(BC_REGION_COUNTERS), BC_COUNTER_bytes_in, 77);

	while (bcast_monitor_counter(monitor, &next, &info) == 1) {
		if (count == BC_COUNTER_bytes_in) {
			assert_string_equal(info.name, "bytes_in");
			assert_string_equal(info.unit, "bytes");
			assert_int_equal(info.kind, BCAST_COUNTER);
			assert_int_equal(info.value, 77);
		}
		if (count == BC_COUNTER_receivers)
			assert_int_equal(info.kind, BCAST_GAUGE);
		count++;
	}
	assert_int_equal(count, BC_COUNTER_COUNT);
	assert_int_equal(bcast_monitor_counter(monitor, &next, &info), 0);
}

static void facts_are_shown_without_gaps_and_torn_ones(void **state)
{
	struct bc_fact_shm *facts = region(BC_REGION_FACTS);
	struct bcast_fact fact;
	uint32_t next = 0;

	(void)state;
	bc_facts_set(&stream.segment, "backend", "io_uring");
	bc_facts_set(&stream.segment, "torn", "never whole");
	bc_facts_set(&stream.segment, "listen", "127.0.0.1:7400");
	bc_text_begin(&facts[1].sequence); /* and then it died */

	assert_int_equal(bcast_monitor_fact(monitor, &next, &fact), 1);
	assert_string_equal(fact.key, "backend");
	assert_string_equal(fact.value, "io_uring");
	assert_int_equal(bcast_monitor_fact(monitor, &next, &fact), 1);
	assert_string_equal(fact.key, "listen");
	assert_int_equal(bcast_monitor_fact(monitor, &next, &fact), 0);
}

/* ---- Connections ------------------------------------------------------- */

static void open_connections_are_shown_with_their_lag(void **state)
{
	const struct bc_peer_opening receiver = {
		BCAST_ROLE_RECEIVER, "10.0.0.2:4100", "10.0.0.1:7400", 100, 1};
	const struct bc_peer_opening sender = {BCAST_ROLE_SENDER, "10.0.0.3:9",
					       "10.0.0.1:7400", 0, 1};
	struct bcast_peer_info info;
	uint32_t next = 0;

	(void)state;
	test_stream_write(&stream, 1000);
	bc_peers_open(bc_peers_slot(&stream.segment, 2), &receiver);
	bc_peers_progress(bc_peers_slot(&stream.segment, 2), 300, 200, 1);
	bc_peers_open(bc_peers_slot(&stream.segment, 4), &receiver);
	bc_peers_close(bc_peers_slot(&stream.segment, 4));
	bc_peers_open(bc_peers_slot(&stream.segment, 7), &sender);

	assert_int_equal(bcast_monitor_peer(monitor, &next, &info), 1);
	assert_int_equal(info.slot, 2);
	assert_int_equal(info.role, BCAST_ROLE_RECEIVER);
	assert_string_equal(info.peer, "10.0.0.2:4100");
	assert_string_equal(info.local, "10.0.0.1:7400");
	assert_int_equal(info.start_position, 100);
	assert_int_equal(info.cursor, 300);
	assert_int_equal(info.lag, 700);
	assert_int_equal(info.bytes, 200);
	assert_int_equal(info.operations, 1);
	assert_true(info.idle_ns > 0);
	assert_int_equal(bcast_monitor_peer(monitor, &next, &info), 1);
	assert_int_equal(info.slot, 7);
	assert_int_equal(info.lag, 0);
	assert_int_equal(bcast_monitor_peer(monitor, &next, &info), 0);
	assert_int_equal(bcast_monitor_peer(monitor, &next, &info), 0);
}

static void close_some(uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++) {
		const struct bc_peer_closing closing = {
			.role = BCAST_ROLE_RECEIVER,
			.reason = BCAST_CLOSE_SLOW,
			.error = -EPIPE,
			.peer = "10.0.0.2:4100",
			.cursor = i,
			.lag = 2 * i,
			.bytes = 3 * i,
			.connected_realtime_ns = 5,
		};

		bc_peers_remember(&stream.segment, &closing);
	}
}

/* The list is: last, last - 1, ... `count` of them. */
static void expect_closed(uint64_t last, uint64_t count)
{
	struct bcast_closed_info info;
	uint32_t next = 0;

	for (uint64_t i = 0; i < count; i++) {
		assert_int_equal(bcast_monitor_closed(monitor, &next, &info),
				 1);
		assert_int_equal(info.cursor, last - i);
		assert_int_equal(info.lag, 2 * (last - i));
		assert_int_equal(info.bytes, 3 * (last - i));
		assert_int_equal(info.reason, BCAST_CLOSE_SLOW);
		assert_int_equal(info.error, -EPIPE);
		assert_string_equal(info.peer, "10.0.0.2:4100");
		assert_int_equal(info.connected_realtime_ns, 5);
		assert_true(info.closed_realtime_ns > 0);
	}
	assert_int_equal(bcast_monitor_closed(monitor, &next, &info), 0);
}

static void closed_connections_come_newest_first(void **state)
{
	(void)state;

	expect_closed(0, 0);
	close_some(0, 1);
	expect_closed(0, 1);
	close_some(1, 9);
	expect_closed(9, 10);
}

static void last_1024_closed_connections_are_remembered(void **state)
{
	(void)state;

	close_some(0, 1023);
	expect_closed(1022, 1023);
	close_some(1023, 1);
	expect_closed(1023, 1024);
	close_some(1024, 1);
	expect_closed(1024, 1024);
	close_some(1025, 1500);
	expect_closed(2524, 1024);
}

/* ---- Hostile ----------------------------------------------------------- */

static bool is_printable(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return length < size;
}

#define PRINTABLE(field) assert_true(is_printable(field, sizeof(field)))

/* Go through all lists; whatever comes out is bounded and printable. */
static void read_everything(void)
{
	struct bcast_stream_info stream_info;
	struct bcast_counter_info counter;
	struct bcast_peer_info peer;
	struct bcast_closed_info closed;
	struct bcast_fact fact;
	uint32_t next, calls = 0;

	assert_int_equal(bcast_monitor_stream(monitor, &stream_info), 0);
	PRINTABLE(stream_info.name);
	for (next = 0; bcast_monitor_counter(monitor, &next, &counter) == 1;
	     calls++) {
		PRINTABLE(counter.name);
		PRINTABLE(counter.unit);
		PRINTABLE(counter.help);
	}
	for (next = 0; bcast_monitor_peer(monitor, &next, &peer) == 1;
	     calls++) {
		PRINTABLE(peer.peer);
		PRINTABLE(peer.local);
	}
	for (next = 0; bcast_monitor_closed(monitor, &next, &closed) == 1;
	     calls++)
		PRINTABLE(closed.peer);
	for (next = 0; bcast_monitor_fact(monitor, &next, &fact) == 1;
	     calls++) {
		PRINTABLE(fact.key);
		PRINTABLE(fact.value);
	}
	assert_true(calls <=
		    8 + BC_COUNTER_SLOTS + BC_CLOSED_SLOTS + BC_FACT_SLOTS);
}

static void noise_in_every_region_is_shown_bounded_and_printable(void **state)
{
	unsigned char *start = (unsigned char *)stream.segment.control;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		/* all but identity, which was checked at opening */
		test_pattern_fill(seed, 0,
				  start + sizeof(struct bc_identity_shm),
				  stream.segment.control_size -
					  sizeof(struct bc_identity_shm));

		read_everything();
	}
	memset(start + sizeof(struct bc_identity_shm), 0xff,
	       stream.segment.control_size - sizeof(struct bc_identity_shm));
	read_everything();
	/* even sequences everywhere: nothing looks torn */
	memset(start + sizeof(struct bc_identity_shm), 0xfe,
	       stream.segment.control_size - sizeof(struct bc_identity_shm));
	read_everything();
}

static void terminal_commands_in_a_peer_are_harmless(void **state)
{
	const struct bc_peer_opening hostile = {
		BCAST_ROLE_RECEIVER, "\x1b]0;owned\a\xff", "x", 0, 1};
	struct bcast_peer_info info;
	uint32_t next = 0;

	(void)state;
	bc_peers_open(bc_peers_slot(&stream.segment, 0), &hostile);

	assert_int_equal(bcast_monitor_peer(monitor, &next, &info), 1);
	assert_string_equal(info.peer, "?]0;owned??");
}

/* ---- Totals ------------------------------------------------------------ */

static void summary_adds_up_counters_and_connections(void **state)
{
	const struct bc_peer_opening receiver = {
		BCAST_ROLE_RECEIVER, "10.0.0.2:4100", "10.0.0.1:7400", 0, 1};
	const struct bc_peer_opening waiting = {
		BCAST_ROLE_WAITING, "10.0.0.3:4100", "10.0.0.1:7400", 0, 1};
	struct bc_counter_shm *counters = region(BC_REGION_COUNTERS);
	struct bcast_summary_info info;

	(void)state;
	test_stream_write(&stream, 1000);
	bc_counter_set(counters, BC_COUNTER_bytes_in, 1000);
	bc_counter_set(counters, BC_COUNTER_bytes_out, UINT64_MAX);
	bc_counter_set(counters, BC_COUNTER_receives, 3);
	bc_counter_set(counters, BC_COUNTER_sends, 4);
	bc_counter_set(counters, BC_COUNTER_short_sends, 5);
	bc_counter_set(counters, BC_COUNTER_receivers_dropped, 6);
	bc_counter_set(counters, BC_COUNTER_receivers_refused, 7);
	bc_peers_open(bc_peers_slot(&stream.segment, 1), &waiting);
	bc_peers_open(bc_peers_slot(&stream.segment, 2), &receiver);
	bc_peers_open(bc_peers_slot(&stream.segment, 3), &receiver);
	bc_peers_progress(bc_peers_slot(&stream.segment, 3), 900, 900, 1);

	assert_int_equal(bcast_monitor_summary(monitor, &info), 0);

	assert_int_equal(info.bytes_in, 1000);
	assert_true(info.bytes_out == UINT64_MAX);
	assert_int_equal(info.receives, 3);
	assert_int_equal(info.sends, 4);
	assert_int_equal(info.short_sends, 5);
	assert_int_equal(info.dropped, 6);
	assert_int_equal(info.refused, 7);
	assert_int_equal(info.senders, 1);
	assert_int_equal(info.receivers, 2);
	assert_int_equal(info.lag_max, 1000);
}

/* ---- The list ---------------------------------------------------------- */

#define NAMES 4096
static char names[NAMES][BCAST_NAME_MAX + 1];

static int find(const char *name, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static void list_is_sorted_and_of_streams_only(void **state)
{
	const char *dead = test_name(), *odd = "t-%-odd";
	int count;

	(void)state;
	test_object_create(dead, "", 0);
	test_object_create(dead, ".nodes", 0);
	test_object_create(dead, ".lock", 0);
	test_object_create(odd, "", 0);

	count = bcast_list(names, NAMES);

	test_stream_erase(dead);
	test_stream_erase(odd);
	assert_true(count >= 2);
	assert_true(find(stream.name, count) >= 0);
	assert_true(find(dead, count) > find(stream.name, count));
	assert_int_equal(find(odd, count), -1);
	for (int i = 0; i < count; i++) {
		assert_null(strstr(names[i], ".nodes"));
		assert_null(strstr(names[i], ".lock"));
		if (i > 0)
			assert_true(strcmp(names[i - 1], names[i]) < 0);
	}
}

static void list_counts_what_it_has_no_room_for(void **state)
{
	const char *second = test_name();

	(void)state;
	test_object_create(second, "", 0);
	memset(names, 'x', 2 * sizeof(names[0]));

	assert_true(bcast_list(names, 1) >= 2);
	assert_int_equal(names[1][0], 'x');
	assert_true(bcast_list(NULL, 0) >= 2);

	test_stream_erase(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_both, close_both)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stream_is_described_as_it_is),
		TEST(oldest_never_lies_beyond_the_tail),
		TEST(heartbeat_of_the_future_is_of_age_0),
		TEST(dead_stream_is_still_evidence),
		TEST(failure_to_open_is_passed_on),
		TEST(all_counters_are_shown_in_their_order),
		TEST(facts_are_shown_without_gaps_and_torn_ones),
		TEST(open_connections_are_shown_with_their_lag),
		TEST(closed_connections_come_newest_first),
		TEST(last_1024_closed_connections_are_remembered),
		TEST(noise_in_every_region_is_shown_bounded_and_printable),
		TEST(terminal_commands_in_a_peer_are_harmless),
		TEST(summary_adds_up_counters_and_connections),
		TEST(list_is_sorted_and_of_streams_only),
		TEST(list_counts_what_it_has_no_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
