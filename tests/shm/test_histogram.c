/* SPDX-License-Identifier: MIT */
/* test_histogram.c - buckets at their edges; quantiles beside a sorted array.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "shm/histogram.h"

#define LAST (BC_HISTOGRAM_BUCKETS - 1)

static void values_below_8_are_exact(void **state)
{
	(void)state;

	for (unsigned value = 0; value < 8; value++) {
		assert_int_equal(bc_histogram_bucket(value), value);
		assert_int_equal(bc_histogram_upper(value), value);
	}
	assert_int_equal(bc_histogram_bucket(8), 8);
}

static void each_bucket_ends_where_the_next_begins(void **state)
{
	(void)state;

	for (unsigned bucket = 0; bucket < LAST; bucket++) {
		uint64_t upper = bc_histogram_upper(bucket);

		assert_int_equal(bc_histogram_bucket(upper), bucket);
		assert_int_equal(bc_histogram_bucket(upper + 1), bucket + 1);
		if (upper > 0)
			assert_true(bc_histogram_bucket(upper - 1) <= bucket);
	}
}

static void buckets_are_an_eighth_of_an_octave_wide(void **state)
{
	(void)state;

	for (unsigned bucket = 8; bucket <= LAST; bucket++) {
		uint64_t lower = bc_histogram_upper(bucket - 1) + 1;
		uint64_t upper = bc_histogram_upper(bucket);

		assert_true((upper + 1 - lower) * 8 <= lower);
	}
}

static void values_beyond_the_range_count_in_the_last_bucket(void **state)
{
	const uint64_t range = UINT64_C(1) << 34;

	(void)state;

	assert_int_equal(bc_histogram_upper(LAST), range - 1);
	assert_int_equal(bc_histogram_bucket(range - 1), LAST);
	assert_int_equal(bc_histogram_bucket(range), LAST);
	assert_int_equal(bc_histogram_bucket(range + 1), LAST);
	assert_int_equal(bc_histogram_bucket(UINT64_MAX), LAST);
}

static void empty_histogram_has_quantile_0(void **state)
{
	static const struct bc_histogram_shm empty;

	(void)state;

	assert_int_equal(bc_histogram_total(&empty), 0);
	assert_int_equal(bc_histogram_quantile(&empty, 0), 0);
	assert_int_equal(bc_histogram_quantile(&empty, 500), 0);
	assert_int_equal(bc_histogram_quantile(&empty, 1000), 0);
}

static void single_value_is_every_quantile(void **state)
{
	static struct bc_histogram_shm one;

	(void)state;
	bc_histogram_record(&one, 5);

	assert_int_equal(bc_histogram_total(&one), 1);
	assert_int_equal(bc_histogram_quantile(&one, 0), 5);
	assert_int_equal(bc_histogram_quantile(&one, 1), 5);
	assert_int_equal(bc_histogram_quantile(&one, 1000), 5);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define SAMPLES 4001

static void quantiles_agree_with_a_sorted_array(void **state)
{
	static const unsigned per_milles[] = {1, 10, 500, 900, 990, 999, 1000};
	static struct bc_histogram_shm histogram;
	static uint64_t values[SAMPLES];

	(void)state;
	test_pattern_fill(1, 0, values, sizeof(values));
	for (unsigned i = 0; i < SAMPLES; i++) {
		values[i] >>= 31 + i % 28; /* of all magnitudes up to 2^33 */
		bc_histogram_record(&histogram, values[i]);
	}
	qsort(values, SAMPLES, sizeof(values[0]), compare);

	assert_int_equal(bc_histogram_total(&histogram), SAMPLES);
	for (unsigned i = 0; i < sizeof(per_milles) / sizeof(unsigned); i++) {
		unsigned rank = (SAMPLES * per_milles[i] + 999) / 1000;
		uint64_t right = values[rank - 1];
		uint64_t got = bc_histogram_quantile(&histogram, per_milles[i]);

		assert_true(got >= right);
		assert_true(got - right <= right / 8);
	}
}

static void absurd_counts_keep_quantiles_in_order(void **state)
{
	struct bc_histogram_shm histogram = {0};

	(void)state;
	for (unsigned i = 0; i < BC_HISTOGRAM_BUCKETS; i++)
		histogram.buckets[i] = UINT64_MAX - i;

	assert_true(bc_histogram_quantile(&histogram, 500) <
		    bc_histogram_quantile(&histogram, 990));
	assert_int_equal(bc_histogram_quantile(&histogram, 1000),
			 bc_histogram_upper(LAST));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_below_8_are_exact),
		cmocka_unit_test(each_bucket_ends_where_the_next_begins),
		cmocka_unit_test(buckets_are_an_eighth_of_an_octave_wide),
		cmocka_unit_test(
			values_beyond_the_range_count_in_the_last_bucket),
		cmocka_unit_test(empty_histogram_has_quantile_0),
		cmocka_unit_test(single_value_is_every_quantile),
		cmocka_unit_test(quantiles_agree_with_a_sorted_array),
		cmocka_unit_test(absurd_counts_keep_quantiles_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
