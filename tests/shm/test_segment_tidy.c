/* SPDX-License-Identifier: MIT */
/*
 * test_segment_tidy.c - what a dead owner left half done, or said of itself,
 * after another has adopted its segment.
 */
#include "adopted.h"

#include <string.h>

#include "shm/facts.h"
#include "shm/lease.h"
#include "shm/peers.h"
#include "shm/text.h"

static void publication_that_woke_nobody_is_announced(void **state)
{
	struct bc_head_shm *head = &adopted_stream.segment.control->head;
	uint32_t count = atomic_load(&head->publish_count);

	(void)state;
	atomic_store(&head->reserved, 10);
	atomic_store(&head->tail, 10);
	adopted_die();

	adopted_adopt();

	assert_int_not_equal(adopted_stream.segment.control->head.publish_count,
			     count);
}

static void half_said_fact_is_forgotten_with_the_others(void **state)
{
	struct bc_fact_shm *fact =
		(struct bc_fact_shm *)(void *)adopted_stream.segment
			.regions[BC_REGION_FACTS]
			.base;
	struct bcast_monitor *monitor;
	struct bcast_fact found;
	uint32_t next = 0;

	(void)state;
	(void)bc_facts_set(&adopted_stream.segment, "old", "one");
	(void)bc_facts_set(&adopted_stream.segment, "torn", "two");
	bc_text_begin(&fact[1].sequence);
	adopted_die();

	adopted_adopt();

	assert_int_equal(bcast_monitor_open(adopted_stream.name, &monitor), 0);
	assert_int_equal(bcast_monitor_fact(monitor, &next, &found), 0);
	(void)bc_facts_set(&adopted_stream.segment, "new", "three");
	next = 0;
	assert_int_equal(bcast_monitor_fact(monitor, &next, &found), 1);
	assert_string_equal(found.key, "new");
	assert_int_equal(bcast_monitor_fact(monitor, &next, &found), 0);
	bcast_monitor_close(monitor);
}

static void connections_of_the_dead_are_remembered_as_closed(void **state)
{
	struct bcast_closed_info info;
	struct bcast_monitor *monitor;
	struct bcast_peer_info peer;
	uint32_t next = 0;

	(void)state;
	adopted_remember("10.0.0.1:1", 1);
	adopted_open_peer(0, "10.0.0.2:2");
	adopted_open_peer(7, "10.0.0.3:3");
	test_stream_write(&adopted_stream, 500);
	adopted_die();

	adopted_adopt();

	assert_string_equal(adopted_closed_list(),
			    "10.0.0.3:3 daemon_died\n"
			    "10.0.0.2:2 daemon_died\n"
			    "10.0.0.1:1 closed_by_peer\n");
	assert_int_equal(adopted_stream.segment.closed_count, 3);
	assert_int_equal(bcast_monitor_open(adopted_stream.name, &monitor), 0);
	assert_int_equal(bcast_monitor_peer(monitor, &next, &peer), 0);
	next = 0;
	assert_int_equal(bcast_monitor_closed(monitor, &next, &info), 1);
	assert_int_equal(info.lag, 500);
	assert_int_equal(info.cursor, 0);
	bcast_monitor_close(monitor);
}

static void one_that_was_just_remembered_is_not_so_twice(void **state)
{
	(void)state;
	adopted_open_peer(3, "10.0.0.2:2");
	adopted_remember("10.0.0.2:2", bc_peers_slot(&adopted_stream.segment, 3)
					       ->connected_realtime_ns);
	adopted_die();

	adopted_adopt();

	assert_string_equal(adopted_closed_list(),
			    "10.0.0.2:2 closed_by_peer\n");
	assert_int_equal(bc_peers_slot(&adopted_stream.segment, 3)->role, 0);
}

static void half_written_memory_is_written_over(void **state)
{
	struct bc_closed_shm *closed =
		(struct bc_closed_shm *)(void *)adopted_stream.segment
			.regions[BC_REGION_CLOSED]
			.base;

	(void)state;
	for (unsigned i = 0; i < BC_CLOSED_SLOTS + 5; i++)
		adopted_remember("10.0.0.1:1", 1);
	bc_text_begin(&closed[5].sequence);
	closed[5].number = BC_CLOSED_SLOTS + 5;
	/* and one that damage has numbered */
	closed[9].number = UINT64_MAX - 1;
	adopted_open_peer(0, "10.0.0.2:2");
	adopted_die();

	adopted_adopt();

	assert_int_equal(adopted_stream.segment.closed_count,
			 BC_CLOSED_SLOTS + 6);
	assert_int_equal(closed[5].number, BC_CLOSED_SLOTS + 5);
	assert_int_equal(closed[5].sequence % 2, 0);
	assert_int_equal(closed[5].reason, BCAST_CLOSE_DAEMON_DIED);
}

static void counters_go_on_and_gauges_begin_anew(void **state)
{
	(void)state;
	bc_counter_add(adopted_counters(), BC_COUNTER_bytes_in, 77);
	bc_counter_set(adopted_counters(), BC_COUNTER_receivers, 3);
	adopted_die();

	adopted_adopt();

	assert_int_equal(
		bc_counter_get(adopted_counters(), BC_COUNTER_bytes_in), 77);
	assert_int_equal(
		bc_counter_get(adopted_counters(), BC_COUNTER_receivers), 0);
}

static void counters_of_another_build_begin_anew(void **state)
{
	struct bc_counter_shm *table = adopted_counters();

	(void)state;
	bc_counter_add(table, BC_COUNTER_bytes_in, 77);
	bc_text_set(table[BC_COUNTER_sends].name, 48, "sends_of_old");
	bc_text_set(table[BC_COUNTER_COUNT].name, 48, "one_more");
	adopted_die();

	adopted_adopt();

	table = adopted_counters();
	assert_int_equal(bc_counter_get(table, BC_COUNTER_bytes_in), 0);
	assert_string_equal(table[BC_COUNTER_sends].name, "sends");
	assert_string_equal(table[BC_COUNTER_COUNT].name, "");
}

static void lease_of_the_dead_daemon_is_free(void **state)
{
	struct bc_lease_shm *lease = &adopted_stream.segment.control->lease;

	(void)state;
	atomic_store(&lease->holder, BC_LEASE_DAEMON | 3);
	adopted_die();

	adopted_adopt();

	lease = &adopted_stream.segment.control->lease;
	assert_int_equal(lease->holder, 0);
	assert_int_equal(lease->wanted, 1);
}

static void lease_of_a_local_publisher_stays(void **state)
{
	(void)state;
	atomic_store(&adopted_stream.segment.control->lease.holder,
		     BC_LEASE_NODE | 5);
	adopted_die();

	adopted_adopt();

	assert_int_equal(adopted_stream.segment.control->lease.holder,
			 BC_LEASE_NODE | 5);
}

static void living_publisher_holds_the_lease_all_along(void **state)
{
	struct bc_segment publisher;

	(void)state;
	assert_int_equal(bc_segment_attach(&publisher, adopted_stream.name,
					   BC_VIEW_WRITE),
			 0);
	assert_int_equal(bc_lease_take(&publisher, BC_LEASE_NODE | 5), 1);
	adopted_die();

	adopted_adopt();

	assert_int_equal(bc_lease_held(&adopted_stream.segment), 1);
	assert_int_equal(bc_lease_take(&adopted_stream.segment, 0), 0);
	assert_int_equal(adopted_stream.segment.control->lease.holder,
			 BC_LEASE_NODE | 5);
	bc_segment_close(&publisher);
	assert_int_equal(bc_lease_held(&adopted_stream.segment), 0);
}

static void wishes_of_the_dead_daemon_are_forgotten(void **state)
{
	struct bc_lease_shm *lease = &adopted_stream.segment.control->lease;

	(void)state;
	atomic_store(&lease->daemon_sleeps, 1);
	atomic_store(&lease->limit, 5);
	atomic_store(&lease->room, 8);
	adopted_die();

	adopted_adopt();

	lease = &adopted_stream.segment.control->lease;
	assert_int_equal(lease->daemon_sleeps, 0);
	assert_int_equal(lease->limit, UINT64_MAX);
	assert_int_equal(lease->room, 9); /* who waits for it looks again */
}

/* They are the publisher's, who may be in the midst of changing them. */
static void rule_and_numbers_are_left_alone(void **state)
{
	struct bc_head_shm *head = &adopted_stream.segment.control->head;

	(void)state;
	atomic_store(&head->reserved, 4096);
	atomic_store(&head->tail, 64);
	atomic_store(&head->publish_rule, 5);
	atomic_store(&head->sequence_before, 9);
	atomic_store(&head->sequence_after, 7);
	adopted_die();

	adopted_adopt();

	head = &adopted_stream.segment.control->head;
	assert_int_equal(head->reserved, 4096);
	assert_int_equal(head->tail, 64);
	assert_int_equal(head->publish_rule, 5);
	assert_int_equal(head->sequence_before, 9);
	assert_int_equal(head->sequence_after, 7);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, adopted_prepare, adopted_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(publication_that_woke_nobody_is_announced),
		TEST(half_said_fact_is_forgotten_with_the_others),
		TEST(connections_of_the_dead_are_remembered_as_closed),
		TEST(one_that_was_just_remembered_is_not_so_twice),
		TEST(half_written_memory_is_written_over),
		TEST(counters_go_on_and_gauges_begin_anew),
		TEST(counters_of_another_build_begin_anew),
		TEST(lease_of_the_dead_daemon_is_free),
		TEST(lease_of_a_local_publisher_stays),
		TEST(living_publisher_holds_the_lease_all_along),
		TEST(wishes_of_the_dead_daemon_are_forgotten),
		TEST(rule_and_numbers_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
