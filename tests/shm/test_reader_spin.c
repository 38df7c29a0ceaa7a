/* SPDX-License-Identifier: MIT */
/*
 * test_reader_spin.c - a reader that polls: for ever, or as experience says.
 * The writer is a child process.
 */
#include "stream.h"

#include <stdio.h>

#include <bcast/bcast.h>

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

static struct bcast_reader *reader_with(int64_t spin_ns)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader = NULL;

	options.from = BCAST_FROM_OLDEST;
	options.spin_ns = spin_ns;
	options.gone_after_ms = 100;
	assert_int_equal(bcast_attach(name, &options, &reader), 0);
	return reader;
}

static void take(struct bcast_reader *reader)
{
	unsigned char bytes[10];

	assert_int_equal(bcast_wait(reader, DEADLINE_MS), 1);
	assert_int_equal(bcast_read(reader, bytes, sizeof(bytes)), 10);
}

/* Ten bytes whenever the reader has fallen asleep. */
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

static bool ten_more_ms_have_passed(void *since)
{
	return test_now_ms() - *(const uint64_t *)since >= 10;
}

static void publish_now_and_then(void *rounds)
{
	struct test_stream stream;

	test_child_check(test_stream_open(&stream, name) == 0);
	test_child_ready();
	for (uint64_t i = 0; i < *(const uint64_t *)rounds; i++) {
		uint64_t now_ms = test_now_ms();

		(void)test_within(DEADLINE_MS, ten_more_ms_have_passed,
				  &now_ms);
		test_stream_write(&stream, 10);
	}
	test_child_sleep();
}

static void endless_polling_sees_all_and_never_sleeps(void **state)
{
	struct bcast_reader *reader;
	uint64_t rounds = 20;

	(void)state;
	owner = test_fork(publish_now_and_then, &rounds);
	reader = reader_with(BCAST_SPIN_FOREVER);
	for (uint64_t i = 0; i < rounds; i++)
		take(reader);

	assert_int_equal(bcast_reader_stats(reader).parks, 0);
	assert_int_equal(bcast_reader_stats(reader).spin_hits,
			 bcast_reader_stats(reader).waits);
	assert_int_equal(bcast_reader_stats(reader).spin_ns,
			 BCAST_SPIN_FOREVER);
	assert_int_equal(bcast_wait(reader, 20), 0);
	assert_int_equal(bcast_reader_stats(reader).parks, 0);
	bcast_detach(reader);
}

static void endless_polling_ends_with_the_writer(void **state)
{
	struct bcast_reader *reader;
	uint64_t rounds = 0;

	(void)state;
	owner = test_fork(publish_now_and_then, &rounds);
	reader = reader_with(BCAST_SPIN_FOREVER);
	test_kill(&owner);

	assert_int_equal(bcast_wait(reader, -1), BCAST_EABANDONED);
	bcast_detach(reader);
}

/* Data comes only once the reader sleeps: polling can never pay. */
static void reader_that_polls_in_vain_stops_and_learns(void **state)
{
	struct bcast_reader_stats stats;
	struct bcast_reader *reader;
	uint64_t rounds = 80;
	unsigned polling = 0;

	(void)state;
	owner = test_fork(publish_to_sleepers, &rounds);
	reader = reader_with(BCAST_SPIN_DEFAULT);
	if (bcast_reader_stats(reader).spin_ns == 0)
		skip(); /* a single core */
	for (uint64_t i = 0; i < rounds; i++) {
		polling += bcast_reader_stats(reader).spin_ns > 0;
		take(reader);
	}
	stats = bcast_reader_stats(reader);

	assert_int_equal(stats.parks, rounds);
	assert_int_equal(stats.spin_hits, 0);
	assert_int_equal(polling, 8 + (80 - 8) / 8);
	assert_in_range(stats.wake_ns, 5000, 200000);
	assert_int_not_equal(stats.wake_ns, 50000);
	bcast_detach(reader);
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, choose_name, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(endless_polling_sees_all_and_never_sleeps),
		TEST(endless_polling_ends_with_the_writer),
		TEST(reader_that_polls_in_vain_stops_and_learns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
