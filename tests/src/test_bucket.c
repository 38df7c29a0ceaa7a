/* SPDX-License-Identifier: MIT */
/*
 * test_bucket.c - src/bucket.h with a clock driven by hand: never too much in
 * any window, never too little for who always wants.
 */
#include "support.h"

#include "src/bucket.h"

#define NS_PER_S   UINT64_C(1000000000)
#define START_NS   (UINT64_C(12345) * NS_PER_S + 678)
#define YEAR_NS	   (UINT64_C(365) * 86400 * NS_PER_S)
#define STEPS	   4000u
#define RATE_COUNT (sizeof(rates) / sizeof(rates[0]))

static const uint64_t rates[] = {
	1,	     2,
	3,	     7,
	10,	     1000,
	4099,	     1 << 20,
	99999989,    UINT64_C(1) << 30,
	4294967295,  1 << 24,
	99999999999, BUCKET_RATE_MAX,
};

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Rounded down. */
static uint64_t earned(uint64_t rate, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)rate * ns / NS_PER_S);
}

static void a_zeroed_bucket_is_full(void **state)
{
	struct bucket bucket = {0};

	(void)state;
	assert_int_equal(bucket_allows(&bucket, 1000, START_NS),
			 bucket_burst(1000));
}

static void the_burst_is_a_tenth_of_a_second_and_two(void **state)
{
	(void)state;
	assert_int_equal(bucket_burst(1), 2);
	assert_int_equal(bucket_burst(9), 2);
	assert_int_equal(bucket_burst(10), 3);
	assert_int_equal(bucket_burst(11), 3);
	assert_int_equal(bucket_burst(1000000), 100002);
}

static void a_portion_is_never_nothing_and_less_than_the_burst(void **state)
{
	(void)state;
	for (size_t i = 0; i < RATE_COUNT; i++) {
		assert_true(bucket_portion(rates[i]) >= 1);
		assert_true(bucket_portion(rates[i]) < bucket_burst(rates[i]));
	}
}

/* One token at n - 1, n and n + 1 nanoseconds. */
static void a_token_comes_exactly_when_it_is_said_to(void **state)
{
	(void)state;
	for (size_t i = 0; i < RATE_COUNT; i++) {
		struct bucket bucket = {0};
		uint64_t rate = rates[i], ready_ns;

		bucket_take(&bucket, bucket_allows(&bucket, rate, START_NS));
		ready_ns = bucket_ready_ns(&bucket, rate, 1);
		assert_true(ready_ns > START_NS);

		if (ready_ns > START_NS + 1)
			assert_int_equal(
				bucket_allows(&bucket, rate, ready_ns - 1), 0);
		assert_true(bucket_allows(&bucket, rate, ready_ns) >= 1);
		assert_true(bucket_allows(&bucket, rate, ready_ns + 1) >= 1);
	}
}

static void what_is_there_is_ready_since_it_was_looked_at(void **state)
{
	struct bucket bucket = {0};

	(void)state;
	(void)bucket_allows(&bucket, 1000, START_NS);

	assert_int_equal(bucket_ready_ns(&bucket, 1000, 102), START_NS);
	assert_int_equal(bucket_ready_ns(&bucket, 1000, 1000000), START_NS);
}

static void more_than_the_burst_is_ready_with_the_burst(void **state)
{
	struct bucket bucket = {0};

	(void)state;
	bucket_take(&bucket, bucket_allows(&bucket, 1000, START_NS));

	assert_int_equal(bucket_ready_ns(&bucket, 1000, UINT64_MAX),
			 START_NS + 102 * NS_PER_S / 1000);
}

/*
 * Taken as soon as it may be, in any amounts and at any times: the sum since
 * each moment is held against the rate by way of the largest surplus so far.
 */
static void no_window_has_more_than_rate_and_burst(void **state)
{
	uint64_t random = 88172645463325252;

	(void)state;
	for (size_t i = 0; i < RATE_COUNT; i++) {
		struct bucket bucket = {0};
		uint64_t rate = rates[i], now_ns = START_NS;
		__int128 level = 0; /* taken, less rate * time, in 10^-9 */
		__int128 lowest = 0;

		for (unsigned step = 0; step < STEPS; step++) {
			uint64_t gap_ns = draw(&random) % (NS_PER_S / 5);
			uint64_t most, taken;

			if (draw(&random) % 4 == 0)
				gap_ns = draw(&random) % 1000;
			now_ns += gap_ns;
			level -= (__int128)rate * gap_ns;
			if (level < lowest)
				lowest = level;
			most = bucket_allows(&bucket, rate, now_ns);
			taken = draw(&random) % 2 == 0
					? most
					: draw(&random) % (most + 1);
			bucket_take(&bucket, taken);
			level += (__int128)taken * NS_PER_S;

			assert_true(level - lowest <=
				    (__int128)bucket_burst(rate) * NS_PER_S);
		}
	}
}

/* Comes whenever one token is ready: gets all that there is, to the token. */
static void who_always_wants_gets_exactly_the_rate(void **state)
{
	(void)state;
	for (size_t i = 0; i < RATE_COUNT; i++) {
		struct bucket bucket = {0};
		uint64_t rate = rates[i], now_ns = START_NS, sum = 0;

		bucket_take(&bucket, bucket_allows(&bucket, rate, now_ns));
		for (unsigned step = 0; step < STEPS; step++) {
			uint64_t most;

			now_ns = bucket_ready_ns(
				&bucket, rate,
				step % 3 ? 1 : bucket_portion(rate));
			most = bucket_allows(&bucket, rate, now_ns);
			bucket_take(&bucket, most);
			sum += most;

			assert_int_equal(sum, earned(rate, now_ns - START_NS));
		}
	}
}

/* As a loop does: at odd times, but before it is full. */
static void odd_times_do_not_lose_a_token(void **state)
{
	uint64_t random = 362436069;

	(void)state;
	for (size_t i = 0; i < RATE_COUNT; i++) {
		struct bucket bucket = {0};
		uint64_t rate = rates[i], now_ns = START_NS, sum = 0;

		bucket_take(&bucket, bucket_allows(&bucket, rate, now_ns));
		for (unsigned step = 0; step < STEPS; step++) {
			uint64_t most;

			now_ns += draw(&random) % (BUCKET_BURST_NS - 1);
			most = bucket_allows(&bucket, rate, now_ns);
			bucket_take(&bucket, most);
			sum += most;
		}

		assert_int_equal(sum, earned(rate, now_ns - START_NS));
	}
}

static void years_later_it_is_full_and_no_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < RATE_COUNT; i++) {
		struct bucket bucket = {0};
		uint64_t rate = rates[i];

		bucket_take(&bucket, bucket_allows(&bucket, rate, START_NS));

		assert_int_equal(
			bucket_allows(&bucket, rate, START_NS + 500 * YEAR_NS),
			bucket_burst(rate));
	}
}

static void time_that_goes_back_brings_nothing(void **state)
{
	struct bucket bucket = {0};

	(void)state;
	bucket_take(&bucket, bucket_allows(&bucket, 1000, START_NS));

	assert_int_equal(bucket_allows(&bucket, 1000, START_NS), 0);
	assert_int_equal(bucket_allows(&bucket, 1000, START_NS - NS_PER_S), 0);
	assert_int_equal(
		bucket_allows(&bucket, 1000, START_NS + NS_PER_S / 1000), 1);
}

static void a_changed_rate_counts_from_the_next_look_on(void **state)
{
	struct bucket bucket = {0};

	(void)state;
	bucket_take(&bucket, bucket_allows(&bucket, 1000, START_NS));

	assert_int_equal(
		bucket_allows(&bucket, 2000, START_NS + NS_PER_S / 100), 20);
}

/* What was allowed at the old rate has gone: no debt. */
static void a_lowered_rate_cuts_the_bucket_and_owes_nothing(void **state)
{
	struct bucket bucket = {0};
	uint64_t allowed = bucket_allows(&bucket, 1 << 30, START_NS);

	(void)state;
	assert_int_equal(bucket_allows(&bucket, 1000, START_NS), 102);
	bucket_take(&bucket, allowed);

	assert_int_equal(bucket_allows(&bucket, 1000, START_NS), 0);
	assert_int_equal(
		bucket_allows(&bucket, 1000, START_NS + NS_PER_S / 100), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zeroed_bucket_is_full),
		cmocka_unit_test(the_burst_is_a_tenth_of_a_second_and_two),
		cmocka_unit_test(
			a_portion_is_never_nothing_and_less_than_the_burst),
		cmocka_unit_test(a_token_comes_exactly_when_it_is_said_to),
		cmocka_unit_test(what_is_there_is_ready_since_it_was_looked_at),
		cmocka_unit_test(more_than_the_burst_is_ready_with_the_burst),
		cmocka_unit_test(no_window_has_more_than_rate_and_burst),
		cmocka_unit_test(who_always_wants_gets_exactly_the_rate),
		cmocka_unit_test(odd_times_do_not_lose_a_token),
		cmocka_unit_test(years_later_it_is_full_and_no_more),
		cmocka_unit_test(time_that_goes_back_brings_nothing),
		cmocka_unit_test(a_changed_rate_counts_from_the_next_look_on),
		cmocka_unit_test(
			a_lowered_rate_cuts_the_bucket_and_owes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
