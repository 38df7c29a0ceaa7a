/* SPDX-License-Identifier: MIT */
/* The three rules of backpressure.h, each at n-1, n and n+1, and near 2^63. */
#include "support.h"

#include "src/backpressure.h"

#define CAPACITY UINT64_C(1024)
#define READ	 UINT64_C(64)
#define MAX_LAG	 UINT64_C(768)
#define PACE	 (MAX_LAG / 2)
#define SECOND	 UINT64_C(1000000000)

/* Where the tail may stand: small, at 2^32, at 2^63, at the very end. */
static const uint64_t tails[] = {
	CAPACITY,
	(UINT64_C(1) << 32) + 5,
	(UINT64_C(1) << 63) + 5,
	UINT64_MAX - 2 * CAPACITY,
};
#define TAILS (sizeof(tails) / sizeof(tails[0]))

static struct backpressure_limits limits(void)
{
	return backpressure_limits(CAPACITY, READ, MAX_LAG);
}

/* `block`: the last one is a receiver with that policy. */
static struct backpressure_positions place(bool block, uint64_t tail,
					   uint64_t behind_floor,
					   uint64_t behind_leader)
{
	uint64_t floor = tail - behind_floor;

	return (struct backpressure_positions){
		.tail = tail,
		.floor = floor,
		.leader = tail - behind_leader,
		.gate = tail,
		.hold = block ? floor + MAX_LAG : 0,
		.hold_floor = block ? floor : 0,
	};
}

static enum backpressure_verdict admit(bool block, uint64_t tail,
				       uint64_t behind_floor,
				       uint64_t behind_leader, bool stalled)
{
	const struct backpressure_limits of = limits();
	const struct backpressure_positions at =
		place(block, tail, behind_floor, behind_leader);

	return backpressure_admit(&of, &at, stalled);
}

static void limits_follow_from_the_ring_and_the_lag(void **state)
{
	(void)state;
	assert_int_equal(limits().capacity, CAPACITY);
	assert_int_equal(limits().read_bytes, READ);
	assert_int_equal(limits().pace_bytes, PACE);
}

static void read_must_fit_before_the_floor(void **state)
{
	const uint64_t room = CAPACITY - READ;

	(void)state;
	for (unsigned i = 0; i < TAILS; i++) {
		assert_int_equal(admit(false, tails[i], room - 1, 0, false),
				 BACKPRESSURE_READ);
		assert_int_equal(admit(false, tails[i], room, 0, false),
				 BACKPRESSURE_READ);
		assert_int_equal(admit(false, tails[i], room + 1, 0, false),
				 BACKPRESSURE_NO_ROOM);
	}
}

static void block_holds_the_sender_at_the_lag(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TAILS; i++) {
		assert_int_equal(admit(true, tails[i], MAX_LAG - 1, 0, false),
				 BACKPRESSURE_READ);
		assert_int_equal(admit(true, tails[i], MAX_LAG, 0, false),
				 BACKPRESSURE_READ);
		assert_int_equal(admit(true, tails[i], MAX_LAG + 1, 0, false),
				 BACKPRESSURE_NO_ROOM);
	}
}

static void room_is_kept_also_for_the_stalled(void **state)
{
	(void)state;
	assert_int_equal(admit(false, tails[2], CAPACITY - READ + 1,
			       CAPACITY - READ + 1, true),
			 BACKPRESSURE_NO_ROOM);
	assert_int_equal(admit(true, tails[2], MAX_LAG + 1, MAX_LAG + 1, true),
			 BACKPRESSURE_NO_ROOM);
}

static void sender_is_no_faster_than_the_fastest_receiver(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TAILS; i++) {
		assert_int_equal(admit(false, tails[i], PACE, PACE - 1, false),
				 BACKPRESSURE_READ);
		assert_int_equal(admit(false, tails[i], PACE, PACE, false),
				 BACKPRESSURE_READ);
		assert_int_equal(
			admit(false, tails[i], PACE + 1, PACE + 1, false),
			BACKPRESSURE_TOO_FAST);
	}
}

static void pace_does_not_hold_when_all_are_stalled(void **state)
{
	(void)state;
	assert_int_equal(admit(false, tails[1], PACE + 1, PACE + 1, true),
			 BACKPRESSURE_READ);
}

static void gate_keeps_all_of_the_ring_whatever_the_policy(void **state)
{
	static const struct {
		uint64_t behind;
		enum backpressure_verdict verdict;
	} rows[] = {
		{0, BACKPRESSURE_READ},
		{CAPACITY - READ - 1, BACKPRESSURE_READ},
		{CAPACITY - READ, BACKPRESSURE_READ},
		{CAPACITY - READ + 1, BACKPRESSURE_GATED},
		{CAPACITY, BACKPRESSURE_GATED},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned how = 0; how < 4; how++) {
			const struct backpressure_limits of = limits();
			struct backpressure_positions at =
				place(how & 1, tails[1], 0, 0);

			at.gate = tails[1] - rows[i].behind;
			assert_int_equal(backpressure_admit(&of, &at, how & 2),
					 rows[i].verdict);
		}
}

static void nobody_there_is_never_in_the_way(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TAILS; i++) {
		assert_int_equal(admit(false, tails[i], 0, 0, false),
				 BACKPRESSURE_READ);
		assert_int_equal(admit(true, tails[i], 0, 0, false),
				 BACKPRESSURE_READ);
	}
	assert_int_equal(admit(false, 0, 0, 0, false), BACKPRESSURE_READ);
}

/* How far beyond the tail a local publisher may write. */
static uint64_t ahead(bool block, uint64_t tail, uint64_t behind_floor,
		      uint64_t behind_leader, bool stalled)
{
	const struct backpressure_limits of = limits();
	const struct backpressure_positions at =
		place(block, tail, behind_floor, behind_leader);

	return backpressure_limit(&of, &at, stalled) - tail;
}

static void publisher_never_overwrites_what_is_needed(void **state)
{
	(void)state;
	for (uint64_t lag = 0; lag <= CAPACITY; lag++) {
		uint64_t tail = (UINT64_C(1) << 32) + 5;

		assert_true(ahead(false, tail, lag, 0, false) + lag <=
			    CAPACITY);
		assert_true(ahead(false, tail, lag, lag, true) + lag <=
			    CAPACITY);
	}
	assert_int_equal(ahead(false, CAPACITY, 0, 0, true), CAPACITY);
	assert_int_equal(ahead(false, CAPACITY, CAPACITY, 0, true), 0);
}

static void publisher_is_held_at_the_lag_by_block(void **state)
{
	(void)state;
	assert_int_equal(ahead(true, CAPACITY, 0, 0, true), MAX_LAG + READ);
	assert_int_equal(ahead(true, CAPACITY, MAX_LAG, 0, true), READ);
	assert_int_equal(ahead(true, CAPACITY, MAX_LAG + READ, 0, true), 0);
}

static void publisher_is_no_faster_than_the_fastest_receiver(void **state)
{
	(void)state;
	assert_int_equal(ahead(false, CAPACITY, 0, 0, false), PACE + READ);
	assert_int_equal(ahead(false, CAPACITY, PACE, PACE, false), READ);
	assert_int_equal(ahead(false, CAPACITY, PACE, PACE, true),
			 CAPACITY - PACE);
}

/* Who lags as much as is permitted, and not more, is not in its way. */
static void largest_record_comes_through(void **state)
{
	const struct backpressure_limits of = limits();
	struct backpressure_positions at = {
		.tail = CAPACITY,
		.leader = CAPACITY,
	};
	uint64_t most = backpressure_lag_for_record(&of, &at, false);

	(void)state;
	assert_true(most < MAX_LAG);
	assert_true(ahead(false, CAPACITY, most, 0, false) >=
		    CAPACITY / 4 + 64);
	assert_true(ahead(true, CAPACITY, 0, 0, false) >= CAPACITY / 4 + 64);
}

static bool will_do(bool block, uint64_t lag, bool local)
{
	const struct backpressure_limits of = limits();
	const struct backpressure_positions at = place(block, CAPACITY, lag, 0);

	return backpressure_will_do(&of, &at, local);
}

static void old_floor_keeps_no_record_out(void **state)
{
	const uint64_t record_bytes = limits().record_bytes;

	(void)state;
	for (int block = 0; block <= 1; block++) {
		uint64_t held = block ? MAX_LAG : CAPACITY - READ;
		uint64_t lag = 0;

		while (will_do(block != 0, lag + 1, true))
			lag++;
		assert_true(lag > 0);
		assert_true(ahead(block != 0, CAPACITY, lag, 0, false) >=
			    record_bytes);
		assert_true(ahead(block != 0, CAPACITY, lag + 1, 0, false) <
			    record_bytes);
		assert_true(will_do(block != 0, held, false));
		assert_false(will_do(block != 0, held + 1, false));
	}
}

/* ---- Some block, others do not ----------------------------------------- */

#define SMALL_LAG (CAPACITY / 8)

/* A blocker with a --max-lag of its own, and somebody else further behind. */
static struct backpressure_positions mixed(uint64_t blocker_lag,
					   uint64_t other_lag)
{
	struct backpressure_positions at = place(false, CAPACITY, other_lag, 0);

	at.hold_floor = CAPACITY - blocker_lag;
	at.hold = at.hold_floor + SMALL_LAG;
	return at;
}

static void only_blockers_hold_the_sender_at_their_lag(void **state)
{
	const struct backpressure_limits of = limits();
	struct backpressure_positions at = mixed(SMALL_LAG, SMALL_LAG + READ);

	(void)state;
	assert_int_equal(backpressure_admit(&of, &at, false),
			 BACKPRESSURE_READ);
	at = mixed(SMALL_LAG + 1, SMALL_LAG + READ);
	assert_int_equal(backpressure_admit(&of, &at, false),
			 BACKPRESSURE_NO_ROOM);
	/* the other one holds it where its bytes would be overwritten */
	at = mixed(0, CAPACITY - READ);
	assert_int_equal(backpressure_admit(&of, &at, false),
			 BACKPRESSURE_READ);
	at = mixed(0, CAPACITY - READ + 1);
	assert_int_equal(backpressure_admit(&of, &at, false),
			 BACKPRESSURE_NO_ROOM);
}

/* However small the blocker's lag, and however far behind the other. */
static void largest_record_comes_through_to_blockers_too(void **state)
{
	const struct backpressure_limits of = limits();
	struct backpressure_positions at = mixed(0, 0);
	uint64_t most;

	(void)state;
	at.leader = at.tail;
	most = backpressure_lag_for_record(&of, &at, false);
	at = mixed(0, most);
	assert_true(backpressure_limit(&of, &at, false) >=
		    at.tail + of.record_bytes);
	at = mixed(1, most);
	assert_true(backpressure_limit(&of, &at, false) <
		    at.tail + of.record_bytes);
	/* and what a sender could send */
	at = mixed(SMALL_LAG, most);
	assert_int_equal(backpressure_limit(&of, &at, false),
			 at.tail + READ +
				 (of.record_bytes > SMALL_LAG + READ
					  ? of.record_bytes - SMALL_LAG - READ
					  : 0));
}

/* While the publisher waits for the fastest one, the others keep their lag. */
static void pace_costs_nobody_the_connection(void **state)
{
	const struct backpressure_limits of = limits();
	const uint64_t free_lag = PACE + READ - of.record_bytes;
	struct backpressure_positions at = {.tail = CAPACITY};

	(void)state;
	at.leader = at.tail - free_lag;
	assert_int_equal(backpressure_lag_for_record(&of, &at, false),
			 CAPACITY - of.record_bytes);
	at.leader = at.tail - free_lag - 1;
	assert_int_equal(backpressure_lag_for_record(&of, &at, false),
			 UINT64_MAX);
	assert_int_equal(backpressure_lag_for_record(&of, &at, true),
			 CAPACITY - of.record_bytes);
}

static void slow_is_more_than_the_lag(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TAILS; i++) {
		uint64_t tail = tails[i];

		assert_false(backpressure_is_slow(MAX_LAG, tail, tail));
		assert_false(backpressure_is_slow(MAX_LAG, tail,
						  tail - MAX_LAG + 1));
		assert_false(
			backpressure_is_slow(MAX_LAG, tail, tail - MAX_LAG));
		assert_true(backpressure_is_slow(MAX_LAG, tail,
						 tail - MAX_LAG - 1));
	}
}

static void stalled_is_a_second_without_progress(void **state)
{
	(void)state;
	for (unsigned i = 1; i < TAILS; i++) {
		uint64_t now = tails[i];

		assert_false(backpressure_is_stalled(now, now - SECOND + 1, 0));
		assert_true(backpressure_is_stalled(now, now - SECOND, 0));
		assert_true(backpressure_is_stalled(now, now - SECOND - 1, 0));
	}
}

static void progress_starts_the_second_anew(void **state)
{
	const uint64_t now = 100 * SECOND;

	(void)state;
	assert_false(backpressure_is_stalled(now, now - 9 * SECOND,
					     now - SECOND + 1));
	assert_true(
		backpressure_is_stalled(now, now - 9 * SECOND, now - SECOND));
	/* progress long before the waiting began does not count */
	assert_false(backpressure_is_stalled(now, now - SECOND + 1,
					     now - 9 * SECOND));
}

static void who_is_not_waited_for_is_not_stalled(void **state)
{
	(void)state;
	assert_false(backpressure_is_stalled(100 * SECOND, 0, 1));
}

static void progress_that_is_newer_than_the_clock_is_no_stall(void **state)
{
	(void)state;
	assert_false(
		backpressure_is_stalled(10 * SECOND, SECOND, 10 * SECOND + 1));
	assert_false(backpressure_is_stalled(10 * SECOND, 10 * SECOND + 1, 0));
	assert_true(backpressure_is_stalled(10 * SECOND, SECOND, 9 * SECOND));
}

/* ---- Replay ------------------------------------------------------------ */

static void who_replays_may_lag_less_and_less(void **state)
{
	const uint64_t end = BACKPRESSURE_REPLAY_NS;
	const struct backpressure_limits large =
		backpressure_limits(UINT64_C(1) << 40, 1 << 20, 3 * (1 << 28));
	const struct backpressure_limits of = limits();
	uint64_t last = UINT64_MAX;

	(void)state;
	assert_int_equal(backpressure_replay_lag(&of, MAX_LAG, 0), CAPACITY);
	assert_int_equal(backpressure_replay_lag(&of, MAX_LAG, end), MAX_LAG);
	assert_int_equal(backpressure_replay_lag(&of, MAX_LAG, UINT64_MAX),
			 MAX_LAG);
	assert_int_equal(backpressure_replay_lag(&large, 1 << 20, 0),
			 UINT64_C(1) << 40);
	assert_int_equal(
		backpressure_replay_lag(&large, 1 << 20, end / 2) >> 30, 512);
	for (uint64_t age = 0; age <= end; age += end / 100) {
		uint64_t now = backpressure_replay_lag(&large, 1 << 20, age);

		assert_true(now < last);
		last = now;
	}
}

/* Until it is looked at again, and whatever is read meanwhile. */
static void sender_is_held_before_who_replays_is_too_slow(void **state)
{
	const struct backpressure_limits of = limits();
	const uint64_t step = BACKPRESSURE_REPLAY_NS / 50;

	(void)state;
	for (uint64_t age = 0; age < BACKPRESSURE_REPLAY_NS; age += step) {
		uint64_t lag = backpressure_replay_lag(&of, MAX_LAG, age);
		uint64_t held = backpressure_replay_hold(&of, MAX_LAG, lag);

		assert_true(held + READ <=
			    backpressure_replay_lag(&of, MAX_LAG, age + step));
	}
	/* however small: a read is possible behind who has all */
	assert_int_equal(backpressure_replay_hold(&of, MAX_LAG, 0), READ);
	assert_int_equal(backpressure_replay_hold(&of, CAPACITY, 3 * READ - 1),
			 READ);
	assert_int_equal(backpressure_replay_hold(&of, CAPACITY, 3 * READ),
			 READ);
	assert_int_equal(backpressure_replay_hold(&of, CAPACITY, 3 * READ + 1),
			 READ + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_follow_from_the_ring_and_the_lag),
		cmocka_unit_test(read_must_fit_before_the_floor),
		cmocka_unit_test(block_holds_the_sender_at_the_lag),
		cmocka_unit_test(room_is_kept_also_for_the_stalled),
		cmocka_unit_test(sender_is_no_faster_than_the_fastest_receiver),
		cmocka_unit_test(pace_does_not_hold_when_all_are_stalled),
		cmocka_unit_test(
			gate_keeps_all_of_the_ring_whatever_the_policy),
		cmocka_unit_test(nobody_there_is_never_in_the_way),
		cmocka_unit_test(publisher_never_overwrites_what_is_needed),
		cmocka_unit_test(publisher_is_held_at_the_lag_by_block),
		cmocka_unit_test(
			publisher_is_no_faster_than_the_fastest_receiver),
		cmocka_unit_test(largest_record_comes_through),
		cmocka_unit_test(old_floor_keeps_no_record_out),
		cmocka_unit_test(only_blockers_hold_the_sender_at_their_lag),
		cmocka_unit_test(largest_record_comes_through_to_blockers_too),
		cmocka_unit_test(pace_costs_nobody_the_connection),
		cmocka_unit_test(slow_is_more_than_the_lag),
		cmocka_unit_test(stalled_is_a_second_without_progress),
		cmocka_unit_test(progress_starts_the_second_anew),
		cmocka_unit_test(who_is_not_waited_for_is_not_stalled),
		cmocka_unit_test(
			progress_that_is_newer_than_the_clock_is_no_stall),
		cmocka_unit_test(who_replays_may_lag_less_and_less),
		cmocka_unit_test(sender_is_held_before_who_replays_is_too_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
