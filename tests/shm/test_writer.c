/* SPDX-License-Identifier: MIT */
/*
 * test_writer.c - writer.c: how far it reserves and writes, when the tail
 * follows, whom it wakes, and what it does about the daemon's limit.
 */
#include "nodes.h"
#include "records.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "shm/client_node.h"
#include "shm/lease.h"
#include "shm/notify.h"
#include "shm/writer.h"

#define CAPACITY TEST_CAPACITY
#define FLUSH	 (CAPACITY / 64)

static struct test_nodes nodes;
static struct bc_head_shm *head;
static struct bc_lease_shm *lease;
static struct bcast_node *node;
static struct bc_writer writer;

static void open_writer(void)
{
	assert_int_equal(bc_writer_open(&writer, nodes.name, &node->node, 0),
			 0);
	writer.room_wait_ms = 0;
}

static int open_stream(void **state)
{
	(void)state;
	test_nodes_open_packets(&nodes, 4);
	head = nodes.stream.segment.ring.head;
	lease = &nodes.stream.segment.control->lease;
	node = test_nodes_join(&nodes, "writer");
	open_writer();
	return 0;
}

static int close_stream(void **state)
{
	(void)state;
	bc_writer_close(&writer);
	bcast_leave(node);
	test_nodes_close(&nodes);
	return 0;
}

static int publish(uint32_t length)
{
	uint64_t size = bcast_packet_size(length);
	int ret = bc_writer_room(&writer, size);

	if (ret < 0)
		return ret;
	records_write(&writer.ring, writer.at, length);
	bc_writer_show(&writer, size, 1);
	return 0;
}

static void publish_many(unsigned count, uint32_t length)
{
	while (count-- > 0)
		assert_int_equal(publish(length), 0);
}

/* Died without a word: the lock is gone, all else stands. */
static void die(void)
{
	bc_writer_forget(&writer);
	writer = (struct bc_writer){.segment = {.fd = -1}};
}

/* ---- Reserved, bound, tail --------------------------------------------- */

static void nothing_is_written_that_is_not_reserved(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(publish(i * 7919 % 3000), 0);
		assert_true(writer.at.position + BC_RECORD_HEADER <=
			    head->reserved);
		assert_true(writer.bound <= head->reserved);
		assert_true(head->tail <= head->reserved);
		assert_true(head->reserved - head->tail <= CAPACITY);
	}
}

static void reserved_moves_in_steps(void **state)
{
	uint64_t reserved;

	(void)state;
	publish_many(1, 0);
	reserved = head->reserved;
	assert_int_equal(reserved, 64 + CAPACITY / 64);
	publish_many((unsigned)(CAPACITY / 64 / 32), 0);
	assert_int_equal(head->reserved, reserved);
	publish_many(1, 0);
	assert_true(head->reserved > reserved);
}

static void tail_follows_within_its_bytes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		publish_many(1, 0);
		assert_true(writer.at.position - head->tail < FLUSH);
	}
	bc_writer_flush(&writer);
	assert_int_equal(head->tail, 32000);
	assert_int_equal(head->sequence_before, 1001);
	assert_int_equal(head->sequence_after, 1001);
}

static void largest_record_has_room_and_the_next_one_too(void **state)
{
	uint32_t most = (uint32_t)(CAPACITY / 4 - BC_RECORD_HEADER);

	(void)state;
	assert_int_equal(writer.size_max, CAPACITY / 4);
	publish_many(20, most);
	assert_int_equal(writer.at.position, 20 * CAPACITY / 4);
}

static void index_has_a_place_each_flush_at_most(void **state)
{
	const struct bc_index_head_shm *index =
		&nodes.stream.segment.control->index_head;

	(void)state;
	publish_many(2048, 0); /* a whole ring, in flushes of 1 KiB */
	bc_writer_flush(&writer);
	assert_in_range(index->written, 60, 66);
}

/* ---- Waking ------------------------------------------------------------ */

static void nobody_asleep_is_nobody_woken(void **state)
{
	uint32_t count = head->publish_count;

	(void)state;
	publish_many(1000, 10);
	assert_int_equal(head->publish_count, count);
	assert_int_equal(head->published_ns, 0);
}

static void counted_sleeper_is_woken_by_each_record(void **state)
{
	bc_u32 *sleepers = &node->table.header->sleepers;
	uint32_t count = head->publish_count;

	(void)state;
	atomic_store(sleepers, 1);
	publish_many(3, 10);
	assert_int_equal(head->publish_count, count + 3);
	assert_int_equal(head->tail, writer.at.position);
	assert_true(head->published_ns > 0);
	atomic_store(sleepers, 0);
	publish_many(3, 10);
	assert_int_equal(head->publish_count, count + 3);
}

static void sleeping_daemon_is_woken_by_each_record(void **state)
{
	uint32_t count = head->publish_count;

	(void)state;
	atomic_store(&lease->daemon_sleeps, 1);
	publish_many(3, 10);
	assert_int_equal(head->publish_count, count + 3);
	assert_int_equal(head->tail, writer.at.position);
}

/* ---- The daemon's limit ------------------------------------------------ */

static void limit_is_kept_to_the_byte(void **state)
{
	(void)state;
	/* 10 records of 32 bytes, and the header behind them */
	atomic_store(&lease->limit, 10 * 32 + 32 - 1);
	publish_many(9, 0);
	assert_int_equal(publish(0), BCAST_EFULL);
	atomic_store(&lease->limit, 10 * 32 + 32);
	publish_many(1, 0);
	assert_int_equal(publish(0), BCAST_EFULL);
	assert_true(head->reserved <= 10 * 32 + 32);
	atomic_store(&lease->limit, 11 * 32 + 32 + 1);
	publish_many(1, 0);
	assert_int_equal(publish(0), BCAST_EFULL);
	assert_int_equal(writer.at.sequence, 12);
}

static void who_waits_for_room_has_published_all_and_says_so(void **state)
{
	(void)state;
	atomic_store(&lease->limit, 32 * 20);
	publish_many(19, 0);
	assert_int_equal(head->tail, 0);
	assert_int_equal(publish(0), BCAST_EFULL);
	assert_int_equal(head->tail, 19 * 32);
	assert_int_equal(lease->room_wanted, 0);
}

static void limit_lowered_behind_what_is_reserved_is_seen_in_time(void **state)
{
	(void)state;
	publish_many(1, 0);
	/* as local_admit() does, which then begins behind what it finds */
	atomic_store(&lease->limit, 64);
	while (writer.at.position + 64 <= writer.bound)
		publish_many(1, 0);
	assert_int_equal(publish(0), BCAST_EFULL);
	atomic_store(&lease->limit, UINT64_MAX);
	publish_many(1, 0);
}

static void *publish_one(void *result)
{
	*(int *)result = publish(0);
	return NULL;
}

static bool sleeps_for_room(void *argument)
{
	(void)argument;
	return atomic_load(&lease->room_wanted) == 1;
}

static int publish_while(void (*change)(void))
{
	pthread_t thread;
	int result = 1;

	writer.room_wait_ms = DEADLINE_MS;
	atomic_store(&lease->limit, 0);
	assert_int_equal(pthread_create(&thread, NULL, publish_one, &result),
			 0);
	assert_true(test_within(DEADLINE_MS, sleeps_for_room, NULL));
	change();
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(lease->room_wanted, 0);
	return result;
}

static void grow_limit(void)
{
	atomic_store(&lease->limit, UINT64_MAX);
	atomic_fetch_add(&lease->room, 1);
	(void)bc_notify_wake(&lease->room);
}

static void drain(void)
{
	bc_segment_set_state(&nodes.stream.segment, BC_STATE_DRAINING);
}

static void who_waits_for_room_is_woken_by_it(void **state)
{
	(void)state;
	assert_int_equal(publish_while(grow_limit), 0);
	assert_int_equal(writer.at.sequence, 2);
}

static void who_waits_for_room_is_told_of_the_end(void **state)
{
	(void)state;
	assert_int_equal(publish_while(drain), BCAST_ECLOSED);
	assert_int_equal(writer.at.sequence, 1);
}

/* The owner's lock is dropped, as by death; the segment stays. */
static void daemon_dies(void)
{
	struct bc_segment *segment = &nodes.stream.segment;
	struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	assert_int_equal(fcntl(segment->fd, F_OFD_SETLK, &all), 0);
}

static void dead_daemons_limit_holds_nobody_up(void **state)
{
	(void)state;
	assert_int_equal(publish_while(daemon_dies), 0);
	publish_many(3000, 0);
	assert_int_equal(writer.at.sequence, 3002);
	assert_true(head->reserved - head->tail <= CAPACITY);
}

/* ---- Takeover ---------------------------------------------------------- */

static void next_writer_goes_on_behind_the_dead_ones_last(void **state)
{
	(void)state;
	publish_many(7, 40);
	assert_int_equal(bc_writer_room(&writer, 96), 0);
	records_write(&writer.ring, writer.at, 40);
	die();
	assert_int_equal(head->tail, 0);
	open_writer();
	assert_int_equal(writer.at.position, 7 * 96);
	assert_int_equal(writer.at.sequence, 8);
	assert_int_equal(head->tail, 7 * 96);
}

static void wishes_of_the_dead_are_forgotten(void **state)
{
	(void)state;
	atomic_store(&lease->room_wanted, 1);
	atomic_store(&head->published_ns, 1);
	die();
	open_writer();
	assert_int_equal(lease->room_wanted, 0);
	assert_int_equal(head->published_ns, 0);
}

static void damage_is_refused_and_the_lease_is_free(void **state)
{
	struct bc_writer other;

	(void)state;
	bc_writer_close(&writer);
	atomic_store(&head->sequence_before, 0);
	assert_int_equal(bc_writer_open(&other, nodes.name, &node->node, 0),
			 BCAST_EPROTO);
	assert_int_equal(bc_lease_held(&nodes.stream.segment), 0);
}

static void closing_twice_is_closing_once(void **state)
{
	(void)state;
	publish_many(1, 0);
	bc_writer_close(&writer);
	assert_int_equal(head->tail, 32);
	assert_int_equal(lease->holder, 0);
	bc_writer_close(&writer);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_stream, close_stream)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_written_that_is_not_reserved),
		TEST(reserved_moves_in_steps),
		TEST(tail_follows_within_its_bytes),
		TEST(largest_record_has_room_and_the_next_one_too),
		TEST(index_has_a_place_each_flush_at_most),
		TEST(nobody_asleep_is_nobody_woken),
		TEST(counted_sleeper_is_woken_by_each_record),
		TEST(sleeping_daemon_is_woken_by_each_record),
		TEST(limit_is_kept_to_the_byte),
		TEST(who_waits_for_room_has_published_all_and_says_so),
		TEST(limit_lowered_behind_what_is_reserved_is_seen_in_time),
		TEST(who_waits_for_room_is_woken_by_it),
		TEST(who_waits_for_room_is_told_of_the_end),
		TEST(dead_daemons_limit_holds_nobody_up),
		TEST(next_writer_goes_on_behind_the_dead_ones_last),
		TEST(wishes_of_the_dead_are_forgotten),
		TEST(damage_is_refused_and_the_lease_is_free),
		TEST(closing_twice_is_closing_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
