/* SPDX-License-Identifier: MIT */
/* How many lines of an event a second may have; the clock is ours. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

#include "src/log_rate.h"

#define LIMIT 10u

static struct log_rate rate;

static int set_up(void **state)
{
	(void)state;
	rate = (struct log_rate){.limit = LIMIT};
	return 0;
}

static unsigned written(const char *event, uint64_t now_s, unsigned asked)
{
	unsigned count = 0;

	for (unsigned i = 0; i < asked; i++)
		count += log_rate_ask(&rate, LOG_LEVEL_WARN, event, now_s) ==
			 LOG_RATE_WRITE;
	return count;
}

static void limit_holds_in_each_second(void **state)
{
	(void)state;
	assert_int_equal(written("a", 100, LIMIT - 1), LIMIT - 1);
	assert_int_equal(written("a", 100, 1), 1);
	assert_int_equal(written("a", 100, 1), 0);
	assert_int_equal(written("a", 101, LIMIT + 1), LIMIT);
	/* a clock that is set back begins another second as well */
	assert_int_equal(written("a", 50, LIMIT + 1), LIMIT);
}

static void events_do_not_share_it(void **state)
{
	char same_word[] = "a";

	(void)state;
	assert_int_equal(written("a", 100, LIMIT), LIMIT);
	assert_int_equal(written("b", 100, LIMIT), LIMIT);
	/* by what it says, not where it stands */
	assert_int_equal(written(same_word, 100, 1), 0);
}

static void errors_and_no_limit_know_none(void **state)
{
	(void)state;
	(void)written("a", 100, 5 * LIMIT);
	assert_int_equal(log_rate_ask(&rate, LOG_LEVEL_ERROR, "a", 100),
			 LOG_RATE_WRITE);
	rate.limit = 0;
	assert_int_equal(written("a", 100, 1000), 1000);
}

static void first_left_out_is_told_apart(void **state)
{
	(void)state;
	(void)written("a", 100, LIMIT);
	assert_int_equal(log_rate_ask(&rate, LOG_LEVEL_WARN, "a", 100),
			 LOG_RATE_LEAVE_OUT_FIRST);
	assert_int_equal(log_rate_ask(&rate, LOG_LEVEL_WARN, "a", 100),
			 LOG_RATE_LEAVE_OUT);
	assert_int_equal(atomic_load(&rate.pending), 1);
}

static void report_comes_when_the_second_is_over(void **state)
{
	struct log_rate_report report;

	(void)state;
	(void)written("quiet", 100, LIMIT);
	(void)written("a", 100, LIMIT + 7);

	assert_false(log_rate_take(&rate, 100, false, &report));
	assert_true(log_rate_take(&rate, 101, false, &report));
	assert_string_equal(report.event, "a");
	assert_int_equal(report.level, LOG_LEVEL_WARN);
	assert_int_equal(report.left_out, 7);
	assert_false(log_rate_take(&rate, 101, false, &report));
	assert_int_equal(atomic_load(&rate.pending), 0);
}

static void at_the_end_all_is_reported(void **state)
{
	struct log_rate_report report;
	unsigned left_out = 0;

	(void)state;
	(void)written("a", 100, LIMIT + 1);
	(void)written("b", 100, LIMIT + 2);

	while (log_rate_take(&rate, 100, true, &report))
		left_out += report.left_out;

	assert_int_equal(left_out, 3);
}

/* The events are there to stay, so they are not freed. */
static void more_events_than_places_have_no_limit(void **state)
{
	static char names[LOG_RATE_EVENTS + 1][16];

	(void)state;
	for (unsigned i = 0; i <= LOG_RATE_EVENTS; i++)
		snprintf(names[i], sizeof(names[i]), "event_%u", i);
	for (unsigned i = 0; i < LOG_RATE_EVENTS; i++)
		assert_int_equal(written(names[i], 100, LIMIT + 1), LIMIT);
	assert_int_equal(written(names[LOG_RATE_EVENTS], 100, LIMIT + 1),
			 LIMIT + 1);
}

#define ASKED 20000u

static void *ask(void *count)
{
	static const char *const events[] = {"a", "b", "c"};

	for (unsigned i = 0; i < ASKED; i++)
		*(unsigned *)count += written(events[i % 3], 100 + i / 2000, 1);
	return NULL;
}

/* No line is neither written nor counted. */
static void threads_lose_no_count(void **state)
{
	struct log_rate_report report;
	pthread_t threads[3];
	unsigned counts[3] = {0}, all = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, ask, &counts[i]), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		all += counts[i];
	}
	while (log_rate_take(&rate, 0, true, &report))
		all += report.left_out;

	assert_int_equal(all, 3 * ASKED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
		TEST(limit_holds_in_each_second),
		TEST(events_do_not_share_it),
		TEST(errors_and_no_limit_know_none),
		TEST(first_left_out_is_told_apart),
		TEST(report_comes_when_the_second_is_over),
		TEST(at_the_end_all_is_reported),
		TEST(more_events_than_places_have_no_limit),
		TEST(threads_lose_no_count),
	};

	return cmocka_run_group_tests_name("src/log_rate", tests, NULL, NULL);
}
