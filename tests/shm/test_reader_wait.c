/* SPDX-License-Identifier: MIT */
/*
 * test_reader_wait.c - client_reader.c's waiting: data, time, the end, and the
 * writer's death by SIGKILL. Writers are child processes.
 */
#include "stream.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include <bcast/bcast.h>

#include "shm/clock.h"

static char name[64];
static struct test_child owner;

static int choose_name(void **state)
{
	(void)state;
	snprintf(name, sizeof(name), "%s", test_name());
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	test_kill(&owner);
	test_stream_erase(name);
	return 0;
}

static struct bcast_reader *reader_with(int64_t spin_ns, uint32_t gone_after_ms)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader = NULL;

	options.from = BCAST_FROM_OLDEST;
	options.spin_ns = spin_ns;
	options.gone_after_ms = gone_after_ms;
	options.flags = BCAST_MEASURE_LATENCY;
	assert_int_equal(bcast_attach(name, &options, &reader), 0);
	return reader;
}

static void take_all(struct bcast_reader *reader)
{
	static unsigned char bytes[TEST_CAPACITY];
	uint64_t at = bcast_position(reader);
	int64_t n = bcast_read(reader, bytes, sizeof(bytes));

	assert_true(n > 0);
	assert_int_equal(test_pattern_check(TEST_SEED, at, bytes, (size_t)n),
			 -1);
}

/* ---- What owners do ---------------------------------------------------- */

static void publish_and_sleep(void *size)
{
	struct test_stream stream;

	test_child_check(test_stream_open(&stream, name) == 0);
	test_stream_write(&stream, *(const uint64_t *)size);
	test_child_ready();
	test_child_sleep();
}

/* Publishes 10 bytes whenever the reader has fallen asleep. */
static void publish_to_sleepers(void *rounds)
{
	struct test_stream stream;

	test_child_check(test_stream_open(&stream, name) == 0);
	test_child_ready();
	for (uint64_t i = 0; i < *(const uint64_t *)rounds; i++) {
		test_stream_await_sleeper(&stream);
		test_stream_write(&stream, 10);
	}
	test_child_sleep();
}

static void close_under_sleepers(void *argument)
{
	struct test_stream stream;

	(void)argument;
	test_child_check(test_stream_open(&stream, name) == 0);
	test_child_ready();
	test_stream_await_sleeper(&stream);
	test_stream_close(&stream);
}

/* A later daemon takes over, and publishes once the reader sleeps. */
static void adopt_and_publish(void *argument)
{
	struct test_stream stream;

	(void)argument;
	test_child_check(test_stream_adopt(&stream, name) == 0);
	test_child_ready();
	test_stream_await_sleeper(&stream);
	test_stream_write(&stream, 10);
	test_child_sleep();
}

static void adopt_and_publish_at_once(void *argument)
{
	struct test_stream stream;

	(void)argument;
	test_child_check(test_stream_adopt(&stream, name) == 0);
	test_stream_write(&stream, 10);
	test_child_ready();
	test_child_sleep();
}

static void adopt_in_silence(void *argument)
{
	struct test_stream stream;

	(void)argument;
	test_child_check(test_stream_adopt(&stream, name) == 0);
	test_child_ready();
	test_child_sleep();
}

static void start_owner(uint64_t size)
{
	owner = test_fork(publish_and_sleep, &size);
}

/* ---- Data and time ----------------------------------------------------- */

static void data_that_is_there_ends_a_wait_at_once(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	start_owner(100);
	reader = reader_with(0, 1000);

	assert_int_equal(bcast_wait(reader, 0), 1);
	assert_int_equal(bcast_wait(reader, -1), 1);
	assert_int_equal(bcast_reader_stats(reader).waits, 0);
	take_all(reader);
	bcast_detach(reader);
}

static void wait_lasts_as_long_as_it_was_told(void **state)
{
	static const int64_t spins[] = {0, 1000, BCAST_SPIN_DEFAULT,
					1000 * BC_NS_PER_MS, INT64_MAX};
	static const int timeouts[] = {1, 60, 150};

	(void)state;
	start_owner(0);
	for (unsigned i = 0; i < 5; i++) {
		struct bcast_reader *reader = reader_with(spins[i], 1000);

		assert_int_equal(bcast_wait(reader, 0), 0);
		for (unsigned j = 0; j < 3; j++) {
			uint64_t start_ns = bc_monotonic_ns();

			assert_int_equal(bcast_wait(reader, timeouts[j]), 0);
			assert_true(bc_monotonic_ns() - start_ns >=
				    (uint64_t)timeouts[j] * 1000000);
		}
		assert_int_equal(bcast_reader_stats(reader).waits, 3);
		bcast_detach(reader);
	}
}

static void sleeping_reader_is_woken_by_each_publication(void **state)
{
	uint64_t rounds = 30, fastest_ns = UINT64_MAX;
	struct bcast_reader *reader;
	struct bcast_reader_stats stats;

	(void)state;
	owner = test_fork(publish_to_sleepers, &rounds);
	reader = reader_with(0, 1000);

	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t start_ns = bc_monotonic_ns();

		assert_int_equal(bcast_wait(reader, DEADLINE_MS), 1);
		if (bc_monotonic_ns() - start_ns < fastest_ns)
			fastest_ns = bc_monotonic_ns() - start_ns;
		take_all(reader);
	}

	/* by the wake, and not by looking again every 100 ms */
	assert_true(fastest_ns < 50000000);
	stats = bcast_reader_stats(reader);
	assert_int_equal(stats.bytes, 10 * rounds);
	assert_int_equal(stats.parks, rounds);
	assert_true(stats.latency_count > 0 && stats.latency_count <= rounds);
	assert_true(stats.latency_p50_ns > 0);
	assert_true(stats.latency_p50_ns <= stats.latency_p90_ns);
	assert_true(stats.latency_p90_ns <= stats.latency_p99_ns);
	assert_true(stats.latency_p99_ns <= stats.latency_p999_ns);
	assert_true(stats.latency_max_ns > 0);
	bcast_detach(reader);
}

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
	(void)signal;
	signals++;
}

static void signal_does_not_end_a_wait(void **state)
{
	const struct sigaction action = {.sa_handler = count_signal};
	const struct itimerval often = {.it_interval.tv_usec = 5000,
					.it_value.tv_usec = 5000};
	const struct itimerval never = {{0, 0}, {0, 0}};
	struct bcast_reader *reader;
	uint64_t start_ms;

	(void)state;
	start_owner(0);
	reader = reader_with(0, 1000);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	start_ms = test_now_ms();
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);

	assert_int_equal(bcast_wait(reader, 200), 0);

	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_true(test_now_ms() - start_ms >= 199);
	assert_true(signals > 0);
	bcast_detach(reader);
}

/* ---- The end ----------------------------------------------------------- */

static void closing_wakes_a_sleeping_reader(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	owner = test_fork(close_under_sleepers, NULL);
	reader = reader_with(0, 1000);

	assert_int_equal(bcast_wait(reader, DEADLINE_MS), BCAST_ECLOSED);
	bcast_detach(reader);
}

static void what_was_published_before_death_comes_first(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	start_owner(1000);
	reader = reader_with(0, 0);
	test_kill(&owner);

	assert_int_equal(bcast_writer_alive(reader), 0);
	assert_int_equal(bcast_wait(reader, -1), 1);
	take_all(reader);
	assert_int_equal(bcast_position(reader), 1000);
	assert_int_equal(bcast_wait(reader, -1), BCAST_EABANDONED);
	assert_int_equal(bcast_wait(reader, -1), BCAST_EABANDONED);
	bcast_detach(reader);
}

static void dead_writer_can_still_be_attached(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	start_owner(1000);
	test_kill(&owner);

	reader = reader_with(0, 0);

	take_all(reader);
	assert_int_equal(bcast_wait(reader, -1), BCAST_EABANDONED);
	bcast_detach(reader);
}

static void abandoned_is_said_after_the_pause_asked_for(void **state)
{
	struct bcast_reader *reader;
	uint64_t start_ms;

	(void)state;
	start_owner(0);
	reader = reader_with(0, 400);
	start_ms = test_now_ms();
	test_kill(&owner);

	assert_int_equal(bcast_wait(reader, -1), BCAST_EABANDONED);
	assert_true(test_now_ms() - start_ms >= 399);
	bcast_detach(reader);
}

struct waiter {
	struct bcast_reader *reader;
	int timeout_ms;
};

static bool is_abandoned(void *argument)
{
	const struct waiter *waiter = argument;
	int ret = bcast_wait(waiter->reader, waiter->timeout_ms);

	assert_true(ret == 0 || ret == BCAST_EABANDONED);
	return ret == BCAST_EABANDONED;
}

static void short_waits_learn_of_the_death_too(void **state)
{
	static const int timeouts[] = {0, 1, 20, 99};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct waiter waiter = {.timeout_ms = timeouts[i]};
		uint64_t start_ms;

		start_owner(0);
		waiter.reader = reader_with(0, 150);
		start_ms = test_now_ms();
		test_kill(&owner);

		assert_true(test_within(3000, is_abandoned, &waiter));

		assert_true(test_now_ms() - start_ms >= 149);
		bcast_detach(waiter.reader);
		test_stream_erase(name);
	}
}

static void reader_that_only_polls_learns_of_the_death_too(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	start_owner(0);
	reader = reader_with(INT64_MAX, 100);
	test_kill(&owner);

	assert_int_equal(bcast_wait(reader, 3000), BCAST_EABANDONED);
	bcast_detach(reader);
}

/* ---- A writer that comes back ------------------------------------------ */

/* Until the next writer's bytes are there; it may be slow to start. */
static void await_data(struct bcast_reader *reader)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	int ret;

	do
		ret = bcast_wait(reader, 1000);
	while ((ret == 0 || ret == BCAST_EABANDONED) && test_now_ms() < end_ms);
	assert_int_equal(ret, 1);
	take_all(reader);
}

static void reader_goes_on_when_a_new_owner_takes_over(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	start_owner(100);
	reader = reader_with(0, 0);
	take_all(reader);
	test_kill(&owner);
	assert_int_equal(bcast_wait(reader, -1), BCAST_EABANDONED);

	owner = test_fork(adopt_and_publish, NULL);

	await_data(reader);
	assert_int_equal(bcast_position(reader), 110);
	assert_int_equal(bcast_writer_alive(reader), 1);
	assert_int_equal(bcast_wait(reader, 150), 0);
	bcast_detach(reader);
}

static void each_death_has_its_own_pause(void **state)
{
	struct bcast_reader *reader;
	uint64_t start_ms;

	(void)state;
	start_owner(100);
	reader = reader_with(0, 500);
	take_all(reader);
	test_kill(&owner);
	assert_int_equal(bcast_wait(reader, 250), 0); /* found dead */
	/* the reader sees its bytes, but never waits while it lives */
	owner = test_fork(adopt_and_publish_at_once, NULL);
	take_all(reader);

	start_ms = test_now_ms();
	test_kill(&owner);

	assert_int_equal(bcast_wait(reader, -1), BCAST_EABANDONED);
	assert_true(test_now_ms() - start_ms >= 499);
	bcast_detach(reader);
}

static void owner_that_published_nothing_counts_too(void **state)
{
	struct bcast_reader *reader;
	uint64_t start_ms;

	(void)state;
	start_owner(0);
	reader = reader_with(0, 500);
	test_kill(&owner);
	assert_int_equal(bcast_wait(reader, 250), 0); /* found dead */
	owner = test_fork(adopt_in_silence, NULL);
	assert_int_equal(bcast_wait(reader, 1), 0); /* found alive */

	start_ms = test_now_ms();
	test_kill(&owner);

	assert_int_equal(bcast_wait(reader, -1), BCAST_EABANDONED);
	assert_true(test_now_ms() - start_ms >= 499);
	bcast_detach(reader);
}

static void replaced_stream_is_closed_to_its_old_readers(void **state)
{
	struct bcast_reader *reader;
	struct test_stream next;

	(void)state;
	start_owner(100);
	reader = reader_with(0, 1000);
	test_kill(&owner);

	assert_int_equal(bc_segment_retire(name), 1);
	assert_int_equal(test_stream_open(&next, name), 0);

	assert_int_equal(bcast_wait(reader, -1), 1);
	take_all(reader);
	assert_int_equal(bcast_wait(reader, -1), BCAST_ECLOSED);
	assert_int_not_equal(bcast_epoch(reader),
			     next.segment.control->identity.epoch);
	bcast_detach(reader);
	test_stream_close(&next);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, choose_name, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(data_that_is_there_ends_a_wait_at_once),
		TEST(wait_lasts_as_long_as_it_was_told),
		TEST(sleeping_reader_is_woken_by_each_publication),
		TEST(signal_does_not_end_a_wait),
		TEST(closing_wakes_a_sleeping_reader),
		TEST(what_was_published_before_death_comes_first),
		TEST(dead_writer_can_still_be_attached),
		TEST(abandoned_is_said_after_the_pause_asked_for),
		TEST(short_waits_learn_of_the_death_too),
		TEST(reader_that_only_polls_learns_of_the_death_too),
		TEST(reader_goes_on_when_a_new_owner_takes_over),
		TEST(each_death_has_its_own_pause),
		TEST(owner_that_published_nothing_counts_too),
		TEST(replaced_stream_is_closed_to_its_old_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
