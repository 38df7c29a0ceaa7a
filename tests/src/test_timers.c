/* SPDX-License-Identifier: MIT */
/*
 * Timers with a clock of our own: what each call promises, and random calls
 * beside a model that has no heap and looks at all of them each time.
 */
#include <stdlib.h>

#include "support.h"

#include "src/timers.h"

#define FEW    8u
#define MANY   4000u
#define ROUNDS 60000u
#define HOUR   (UINT64_C(3600) * 1000 * 1000 * 1000)

static struct timers timers;

static int have_few(void **state)
{
	(void)state;
	return timers_init(&timers, FEW);
}

static int drop(void **state)
{
	(void)state;
	timers_fini(&timers);
	return 0;
}

static void none_is_armed_at_first(void **state)
{
	(void)state;
	assert_true(timers_next(&timers) == TIMERS_NEVER);
	assert_int_equal(timers_take(&timers, TIMERS_NEVER - 1), TIMERS_NONE);
	for (uint32_t i = 0; i < FEW; i++)
		assert_true(timers_due(&timers, i) == TIMERS_NEVER);
}

static void it_rings_when_it_is_due_and_once(void **state)
{
	(void)state;
	timers_arm(&timers, 3, 1000);

	assert_int_equal(timers_next(&timers), 1000);
	assert_int_equal(timers_take(&timers, 999), TIMERS_NONE);
	assert_int_equal(timers_take(&timers, 1000), 3);
	assert_int_equal(timers_take(&timers, 1000), TIMERS_NONE);
	assert_int_equal(timers_take(&timers, 1001), TIMERS_NONE);
	assert_true(timers_next(&timers) == TIMERS_NEVER);
}

static void late_it_rings_too(void **state)
{
	(void)state;
	timers_arm(&timers, 3, 1000);
	assert_int_equal(timers_take(&timers, 1001), 3);

	timers_arm(&timers, 3, 2000);
	assert_int_equal(timers_take(&timers, 2000 + 7 * HOUR), 3);
}

static void longest_overdue_is_first(void **state)
{
	(void)state;
	timers_arm(&timers, 0, 30);
	timers_arm(&timers, 1, 10);
	timers_arm(&timers, 2, 20);
	timers_arm(&timers, 3, 41);

	assert_int_equal(timers_take(&timers, 40), 1);
	assert_int_equal(timers_take(&timers, 40), 2);
	assert_int_equal(timers_take(&timers, 40), 0);
	assert_int_equal(timers_take(&timers, 40), TIMERS_NONE);
	assert_int_equal(timers_next(&timers), 41);
}

static void arming_again_moves_it_either_way(void **state)
{
	(void)state;
	timers_arm(&timers, 0, 100);
	timers_arm(&timers, 1, 200);

	timers_arm(&timers, 0, 300);
	assert_int_equal(timers_next(&timers), 200);
	timers_arm(&timers, 0, 50);
	assert_int_equal(timers_next(&timers), 50);
	assert_int_equal(timers.count, 2);
}

static void arming_by_moves_it_to_earlier_only(void **state)
{
	(void)state;
	timers_arm_by(&timers, 0, 100);
	assert_int_equal(timers_due(&timers, 0), 100);

	timers_arm_by(&timers, 0, 101);
	assert_int_equal(timers_due(&timers, 0), 100);
	timers_arm_by(&timers, 0, TIMERS_NEVER);
	assert_int_equal(timers_due(&timers, 0), 100);
	timers_arm_by(&timers, 0, 99);
	assert_int_equal(timers_due(&timers, 0), 99);
}

static void never_is_disarmed(void **state)
{
	(void)state;
	timers_arm(&timers, 0, 100);
	timers_arm(&timers, 0, TIMERS_NEVER);
	timers_arm(&timers, 1, TIMERS_NEVER);
	timers_disarm(&timers, 2);

	assert_int_equal(timers.count, 0);
	assert_int_equal(timers_take(&timers, TIMERS_NEVER - 1), TIMERS_NONE);
}

static void last_moment_before_never_is_one(void **state)
{
	(void)state;
	timers_arm(&timers, 0, TIMERS_NEVER - 1);
	timers_arm(&timers, 1, TIMERS_NEVER - 2);

	assert_int_equal(timers_take(&timers, TIMERS_NEVER - 3), TIMERS_NONE);
	assert_int_equal(timers_take(&timers, TIMERS_NEVER - 2), 1);
	assert_int_equal(timers_take(&timers, TIMERS_NEVER - 2), TIMERS_NONE);
	assert_int_equal(timers_take(&timers, TIMERS_NEVER - 1), 0);
	/* there is no later moment for it */
	timers_arm(&timers, 0, 5);
	assert_int_equal(timers.count, 0);
}

static void one_armed_for_the_past_rings_in_the_next_turn(void **state)
{
	(void)state;
	timers_arm(&timers, 0, 50);
	timers_arm(&timers, 1, 60);
	assert_int_equal(timers_take(&timers, 100), 0);

	timers_arm(&timers, 0, 40);
	timers_arm(&timers, 2, 100);

	assert_int_equal(timers_next(&timers), 60);
	assert_int_equal(timers_take(&timers, 100), 1);
	assert_int_equal(timers_take(&timers, 100), TIMERS_NONE);
	assert_int_equal(timers_next(&timers), 101);
	assert_true(timers_take(&timers, 101) != TIMERS_NONE);
	assert_true(timers_take(&timers, 101) != TIMERS_NONE);
	assert_int_equal(timers_take(&timers, 101), TIMERS_NONE);
}

/* A periodic one, as the loop does it, over a clock that jumps. */
static void one_that_arms_itself_rings_once_a_turn(void **state)
{
	static const uint64_t nows[] = {99,  100, 150,	    200,
					201, 299, 5 * HOUR, 5 * HOUR + 1};
	static const unsigned rings[] = {0, 1, 0, 1, 0, 0, 1, 0};

	(void)state;
	timers_arm(&timers, 0, 100);
	for (unsigned i = 0; i < sizeof(nows) / sizeof(nows[0]); i++) {
		unsigned count = 0;

		while (timers_take(&timers, nows[i]) == 0) {
			timers_arm(&timers, 0, nows[i] + 100);
			count++;
		}
		assert_int_equal(count, rings[i]);
	}
}

static void ringing_of_one_may_disarm_another_that_is_due(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FEW; i++)
		timers_arm(&timers, i, 100);
	assert_true(timers_take(&timers, 100) != TIMERS_NONE);

	for (uint32_t i = 0; i < FEW; i++)
		timers_disarm(&timers, i);

	assert_int_equal(timers_take(&timers, 100), TIMERS_NONE);
	assert_int_equal(timers.count, 0);
}

static void all_can_be_armed_at_once(void **state)
{
	uint32_t seen = 0;

	(void)state;
	for (uint32_t i = 0; i < FEW; i++) {
		assert_int_equal(timers.count, i);
		timers_arm(&timers, i, 100);
	}
	for (uint32_t i = 0; i < FEW; i++)
		seen |= 1u << timers_take(&timers, 100);

	assert_int_equal(seen, (1u << FEW) - 1);
	assert_int_equal(timers_take(&timers, 100), TIMERS_NONE);
}

/* ---- Beside a model ---------------------------------------------------- */

static uint64_t model[MANY];
static uint64_t now_ns;
static uint64_t random_state;

static uint64_t some(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

/* Near and far, many the same, some past, now and then the ends of time. */
static uint64_t some_time(void)
{
	switch (some(16)) {
	case 0:
		return some(TIMERS_NEVER);
	case 1:
		return TIMERS_NEVER - some(3);
	case 2:
		return some(2);
	case 3:
		return now_ns - some(3);
	default:
		return now_ns + some(50) * 100;
	}
}

static uint64_t allowed(uint64_t due_ns)
{
	return due_ns <= now_ns ? now_ns + 1 : due_ns;
}

static uint64_t model_next(void)
{
	uint64_t next = TIMERS_NEVER;

	for (uint32_t i = 0; i < MANY; i++)
		if (model[i] < next)
			next = model[i];
	return next;
}

static void change_one(uint32_t timer)
{
	uint64_t due_ns = some_time();

	switch (some(4)) {
	case 0:
		timers_disarm(&timers, timer);
		model[timer] = TIMERS_NEVER;
		break;
	case 1:
		timers_arm_by(&timers, timer, due_ns);
		if (due_ns < model[timer])
			model[timer] = allowed(due_ns);
		break;
	default:
		timers_arm(&timers, timer, due_ns);
		model[timer] = allowed(due_ns);
		break;
	}
	assert_true(timers_due(&timers, timer) == model[timer]);
}

/* A turn, in which each ringing may arm and disarm itself and others. */
static void take_turn(uint32_t *rung, uint32_t turn)
{
	unsigned most = 1 + (unsigned)some(100);

	for (unsigned i = 0; i < most; i++) {
		uint64_t next = model_next();
		uint32_t timer = timers_take(&timers, now_ns);

		if (next > now_ns) {
			assert_int_equal(timer, TIMERS_NONE);
			return;
		}
		assert_in_range(timer, 0, MANY - 1);
		assert_true(model[timer] == next);
		assert_int_not_equal(rung[timer], turn);
		rung[timer] = turn;
		model[timer] = TIMERS_NEVER;
		if (some(2) == 0)
			change_one(timer);
		if (some(4) == 0)
			change_one((uint32_t)some(MANY));
	}
}

static void check_heap(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		assert_true(timers_due(&timers, i) == model[i]);
		count += model[i] != TIMERS_NEVER;
	}
	assert_int_equal(timers.count, count);
}

static void random_calls(uint64_t seed)
{
	static uint32_t rung[MANY];

	random_state = seed;
	now_ns = 1 + some(1000);
	assert_int_equal(timers_init(&timers, MANY), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		model[i] = TIMERS_NEVER;
		rung[i] = 0;
	}
	(void)timers_take(&timers, now_ns);
	for (uint32_t turn = 1; turn <= ROUNDS / 100; turn++) {
		for (unsigned i = 0; i < 100; i++)
			change_one((uint32_t)some(MANY));
		now_ns += 1 + (some(50) == 0 ? some(9) * HOUR : some(1000));
		take_turn(rung, turn);
		assert_true(timers_next(&timers) == model_next());
		check_heap();
	}
	timers_fini(&timers);
}

static void random_calls_agree_with_the_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		random_calls(seed * UINT64_C(0x9e3779b97f4a7c15));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, have_few, drop)
	const struct CMUnitTest tests[] = {
		TEST(none_is_armed_at_first),
		TEST(it_rings_when_it_is_due_and_once),
		TEST(late_it_rings_too),
		TEST(longest_overdue_is_first),
		TEST(arming_again_moves_it_either_way),
		TEST(arming_by_moves_it_to_earlier_only),
		TEST(never_is_disarmed),
		TEST(last_moment_before_never_is_one),
		TEST(one_armed_for_the_past_rings_in_the_next_turn),
		TEST(one_that_arms_itself_rings_once_a_turn),
		TEST(ringing_of_one_may_disarm_another_that_is_due),
		TEST(all_can_be_armed_at_once),
		cmocka_unit_test(random_calls_agree_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
