/* SPDX-License-Identifier: MIT */
/* test_spin.c - how long a reader polls, as tables. */
#include "support.h"

#include <bcast/bcast.h>

#include "shm/spin.h"

static struct bc_spin made(int64_t spin_ns, unsigned cores)
{
	struct bc_spin spin;

	bc_spin_init(&spin, spin_ns, cores);
	return spin;
}

static void budget_is_as_told_or_follows_the_cores(void **state)
{
	static const struct {
		int64_t spin_ns;
		unsigned cores;
		uint64_t budget_ns;
	} rows[] = {
		{0, 1, 0},
		{0, 64, 0},
		{1, 1, 1},
		{1000, 2, 1000},
		{BCAST_SPIN_FOREVER, 1, INT64_MAX},
		{BCAST_SPIN_DEFAULT, 0, 0},
		{BCAST_SPIN_DEFAULT, 1, 0},
		{BCAST_SPIN_DEFAULT, 2, BC_SPIN_WAKE_NS_FIRST},
		{BCAST_SPIN_DEFAULT, 64, BC_SPIN_WAKE_NS_FIRST},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct bc_spin spin =
			made(rows[i].spin_ns, rows[i].cores);

		assert_int_equal(bc_spin_budget(&spin), rows[i].budget_ns);
		assert_int_equal(bc_spin_is_endless(&spin),
				 rows[i].spin_ns == BCAST_SPIN_FOREVER);
	}
}

static void what_was_told_is_not_changed_by_experience(void **state)
{
	struct bc_spin spin = made(1234, 2);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		bc_spin_miss(&spin);
		bc_spin_woken(&spin, 7000);
		assert_int_equal(bc_spin_budget(&spin), 1234);
	}
}

static void budget_follows_the_cost_of_a_wake(void **state)
{
	static const struct {
		uint64_t sample_ns, after_one, in_the_end;
	} rows[] = {
		{0, 44375, BC_SPIN_WAKE_NS_MIN},
		{BC_SPIN_WAKE_NS_MIN - 1, 44375, BC_SPIN_WAKE_NS_MIN},
		{BC_SPIN_WAKE_NS_MIN, 44375, BC_SPIN_WAKE_NS_MIN},
		{BC_SPIN_WAKE_NS_FIRST, 50000, 50000},
		{BC_SPIN_WAKE_NS_MAX - 1, 68749, BC_SPIN_WAKE_NS_MAX - 8},
		{BC_SPIN_WAKE_NS_MAX, 68750, BC_SPIN_WAKE_NS_MAX - 7},
		{BC_SPIN_WAKE_NS_MAX + 1, 68750, BC_SPIN_WAKE_NS_MAX - 7},
		{UINT64_MAX, 68750, BC_SPIN_WAKE_NS_MAX - 7},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bc_spin spin = made(BCAST_SPIN_DEFAULT, 2);

		bc_spin_woken(&spin, rows[i].sample_ns);
		assert_int_equal(bc_spin_budget(&spin), rows[i].after_one);
		for (unsigned j = 0; j < 200; j++)
			bc_spin_woken(&spin, rows[i].sample_ns);
		/* whole nanoseconds, rounded down, stop just short of it */
		assert_int_equal(bc_spin_budget(&spin), rows[i].in_the_end);
	}
}

static void polling_that_never_pays_becomes_rare(void **state)
{
	struct bc_spin spin = made(BCAST_SPIN_DEFAULT, 2);
	unsigned polls = 0;

	(void)state;
	for (unsigned i = 0; i < BC_SPIN_MISSES; i++) {
		assert_int_equal(bc_spin_budget(&spin), BC_SPIN_WAKE_NS_FIRST);
		bc_spin_miss(&spin);
	}
	for (unsigned i = 1; i <= 10 * BC_SPIN_PROBE; i++) {
		bool polled = bc_spin_budget(&spin) > 0;

		assert_int_equal(polled, i % BC_SPIN_PROBE == 0);
		polls += polled;
		bc_spin_miss(&spin);
	}
	assert_int_equal(polls, 10);
}

static void one_success_brings_the_budget_back(void **state)
{
	struct bc_spin spin = made(BCAST_SPIN_DEFAULT, 2);

	(void)state;
	for (unsigned i = 0; i < BC_SPIN_MISSES; i++)
		bc_spin_miss(&spin);
	assert_int_equal(bc_spin_budget(&spin), 0);
	bc_spin_hit(&spin);
	assert_int_equal(spin.hits, 1);
	for (unsigned i = 0; i < BC_SPIN_MISSES; i++) {
		assert_int_equal(bc_spin_budget(&spin), BC_SPIN_WAKE_NS_FIRST);
		bc_spin_miss(&spin);
	}
	assert_int_equal(bc_spin_budget(&spin), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(budget_is_as_told_or_follows_the_cores),
		cmocka_unit_test(what_was_told_is_not_changed_by_experience),
		cmocka_unit_test(budget_follows_the_cost_of_a_wake),
		cmocka_unit_test(polling_that_never_pays_becomes_rare),
		cmocka_unit_test(one_success_brings_the_budget_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
