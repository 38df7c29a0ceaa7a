/* SPDX-License-Identifier: MIT */
/* Tests of what the daemon makes of the reports of egress threads. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "src/lane_thread.h"
#include "src/lanes.h"

#define THREADS 2u
#define SLOTS	4u

static struct daemon daemon_;
static struct lane_thread *threads;
static struct lane_newcomer newcomers[THREADS][SLOTS];

static struct lane_link *link_of(uint32_t i)
{
	return &threads[i].link;
}

/* Two threads at the tail, with no receivers; nobody runs them. */
static int setup(void **state)
{
	(void)state;
	threads = aligned_alloc(LANE_LINE, THREADS * sizeof(threads[0]));
	if (!threads)
		return -1;
	memset(threads, 0, THREADS * sizeof(threads[0]));
	daemon_ = (struct daemon){
		.lanes = {.threads = threads, .count = THREADS, .eventfd = -1},
		.home.tail = 1000,
		.limits.pace_bytes = 100,
	};
	for (uint32_t i = 0; i < THREADS; i++) {
		link_of(i)->floor = LANE_NO_FLOOR;
		link_of(i)->bound = 1100;
		link_of(i)->slots = SLOTS;
		link_of(i)->newcomers = newcomers[i];
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(threads);
	return 0;
}

/* As lanes_give() does it, but for the bell. */
static void give(uint32_t i, uint64_t position)
{
	struct lane_link *link = link_of(i);

	link->newcomers[link->given % SLOTS].position = position;
	link->given++;
}

static struct backpressure_positions narrowed(void)
{
	uint64_t tail = daemon_.home.tail;
	struct backpressure_positions at = {
		.tail = tail,
		.floor = tail,
		.leader = tail,
		.gate = tail,
	};

	lanes_narrow(&daemon_, &at, false);
	return at;
}

static void threads_without_receivers_hold_nobody_up(void **state)
{
	struct backpressure_positions at;

	(void)state;
	link_of(0)->bound = 0;

	at = narrowed();

	assert_int_equal(at.floor, 1000);
	assert_int_equal(at.leader, 1000);
	assert_int_equal(lanes_receivers(&daemon_), 0);
}

static void lowest_floor_and_furthest_leader_count(void **state)
{
	struct backpressure_positions at;

	(void)state;
	for (uint32_t i = 0; i < THREADS; i++) {
		give(i, 100);
		link_of(i)->taken = 1;
	}
	link_of(0)->floor = 300;
	link_of(0)->leader = 900;
	link_of(1)->floor = 400;
	link_of(1)->leader = 500;

	at = narrowed();

	assert_int_equal(at.floor, 300);
	assert_int_equal(at.leader, 900);
	assert_int_equal(lanes_receivers(&daemon_), 2);
}

static void blockers_of_all_threads_hold(void **state)
{
	struct backpressure_positions at;

	(void)state;
	assert_int_equal(narrowed().hold, 0);
	link_of(1)->hold = 1100;
	link_of(1)->hold_floor = 600;
	at = narrowed();
	assert_int_equal(at.hold, 1100);
	assert_int_equal(at.hold_floor, 600);

	link_of(0)->hold = 1050;
	link_of(0)->hold_floor = 800;
	at = narrowed();
	assert_int_equal(at.hold, 1050);
	assert_int_equal(at.hold_floor, 600);
}

static void newcomer_not_yet_taken_keeps_its_bytes(void **state)
{
	struct backpressure_positions at;

	(void)state;
	give(1, 700);
	give(1, 800);

	at = narrowed();
	assert_int_equal(at.floor, 700);
	assert_int_equal(at.leader, 800);

	/* the first one has been taken, and the floor lowered before that */
	link_of(1)->floor = 650;
	link_of(1)->taken = 1;
	at = narrowed();
	assert_int_equal(at.floor, 650);
}

static void sender_does_not_run_away_from_a_thread_that_is_late(void **state)
{
	struct backpressure_positions at;

	(void)state;
	give(0, 100);
	give(1, 100);
	link_of(0)->taken = link_of(1)->taken = 1;
	link_of(0)->floor = link_of(1)->floor = 100;
	link_of(0)->leader = 950;
	link_of(1)->leader = 100;
	link_of(1)->bound = 300;

	at = narrowed();

	assert_int_equal(at.leader, 200);
}

static void closed_connections_count_until_their_slot_is_free(void **state)
{
	(void)state;
	give(0, 100);
	give(0, 100);
	link_of(0)->taken = 2;
	assert_int_equal(lanes_receivers(&daemon_), 2);

	link_of(0)->gone = 1;
	assert_int_equal(lanes_receivers(&daemon_), 1);
}

static void thread_that_broke_is_told_from_one_that_ended(void **state)
{
	(void)state;
	assert_int_equal(lanes_failed(&daemon_), 0);
	link_of(0)->stopped = 1;
	assert_int_equal(lanes_failed(&daemon_), 0);
	assert_false(lanes_are_quiet(&daemon_));

	link_of(1)->error = 9;
	link_of(1)->stopped = 1;
	assert_int_equal(lanes_failed(&daemon_), 9);
	assert_true(lanes_are_quiet(&daemon_));
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(threads_without_receivers_hold_nobody_up),
		TEST(lowest_floor_and_furthest_leader_count),
		TEST(blockers_of_all_threads_hold),
		TEST(newcomer_not_yet_taken_keeps_its_bytes),
		TEST(sender_does_not_run_away_from_a_thread_that_is_late),
		TEST(closed_connections_count_until_their_slot_is_free),
		TEST(thread_that_broke_is_told_from_one_that_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
