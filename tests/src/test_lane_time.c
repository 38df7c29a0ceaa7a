/* SPDX-License-Identifier: MIT */
/*
 * When connections are looked after, and how many at once; the clock is ours.
 */
#include "lane_stage.h"

#include "src/lane_time.h"

#define HEARTBEAT   (STAGE_HEARTBEAT_MS * MS)
#define IDLE	    (STAGE_IDLE_MS * MS)
#define GRAIN	    LANE_GRAIN_NS
#define A_TURN	    256u /* connections that are looked after */
#define OFF_A_GRAIN (GRAIN / 2 + 1)

static bool pass_at(uint64_t since_ns)
{
	lane_stage_at(since_ns);
	return lane_time_pass(&lane_);
}

static uint64_t next(void)
{
	uint64_t next_ns = timers_next(&lane_.timers);

	return next_ns == TIMERS_NEVER ? TIMERS_NEVER : next_ns - STAGE_BEGIN;
}

static void nothing_to_wait_for_is_no_timer(void **state)
{
	(void)state;
	(void)lane_stage_receiver();
	assert_false(pass_at(0));
	assert_true(next() == TIMERS_NEVER);
}

static void newcomer_is_looked_at_in_the_same_turn(void **state)
{
	(void)state;
	assert_false(pass_at(0));
	lane_stage_at(MS);
	(void)lane_stage_client(SESSION_GREETING);

	assert_false(pass_at(MS));
	assert_int_equal(next(), MS + STAGE_HELLO_MS * MS + GRAIN - MS);
}

static void deadline_is_met_within_a_grain_and_never_early(void **state)
{
	struct bc_conn *conn;
	uint64_t at;

	(void)state;
	lane_stage_at(OFF_A_GRAIN);
	conn = lane_stage_client(SESSION_SERVING);
	(void)pass_at(OFF_A_GRAIN);
	at = next();

	assert_in_range(at, OFF_A_GRAIN + HEARTBEAT,
			OFF_A_GRAIN + HEARTBEAT + GRAIN - 1);
	(void)pass_at(at - 1);
	assert_int_equal(lane_stage_hear(conn), 0);
	(void)pass_at(at);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_HEARTBEAT);
}

static void deadline_on_a_grain_is_met_exactly(void **state)
{
	struct bc_conn *conn = lane_stage_client(SESSION_SERVING);

	(void)state;
	(void)pass_at(0);
	assert_int_equal(next(), HEARTBEAT);
	(void)pass_at(HEARTBEAT - 1);
	assert_int_equal(lane_stage_hear(conn), 0);
	(void)pass_at(HEARTBEAT);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_HEARTBEAT);
}

/* What is sent to it a thousand times a second does not touch its timer. */
static void busy_connection_rings_once_an_interval(void **state)
{
	struct bc_conn *conn = lane_stage_client(SESSION_SERVING);
	uint64_t armed_for = 0;
	unsigned rings = 0;

	(void)state;
	for (unsigned ms = 0; ms < 5000; ms++) {
		lane_stage_at(ms * MS);
		conn->session->spoke_ns = lane_.now_ns;
		conn->session->heard_ns = lane_.now_ns;
		(void)lane_time_pass(&lane_);
		rings += next() != armed_for;
		armed_for = next();
		assert_int_equal(lane_stage_hear(conn), 0);
	}
	/* the first look, and one a heartbeat */
	assert_in_range(rings, 5, 6);
}

static void first_of_all_deadlines_counts(void **state)
{
	struct bc_conn *conn = lane_stage_client(SESSION_SERVING);

	(void)state;
	config_.listens[0].send_timeout_ms = 300;
	conn->role = BCAST_ROLE_RECEIVER;
	lane_.tail = 64;
	conn->owed_since_ns = STAGE_BEGIN;
	conn->in_flight = BC_CONN_SEND;

	(void)pass_at(0);
	assert_int_equal(next(), 300 * MS);
	(void)pass_at(300 * MS);
	assert_int_equal(next(), 400 * MS);
	assert_true(conn->overdue);
}

static void those_beyond_a_turns_number_are_due_in_the_next(void **state)
{
	struct bc_conn *conns[A_TURN + 1];
	unsigned told = 0;

	(void)state;
	for (unsigned i = 0; i < A_TURN + 1; i++)
		conns[i] = lane_stage_client(SESSION_SERVING);
	(void)pass_at(0);
	(void)pass_at(1);
	assert_int_equal(next(), HEARTBEAT);

	(void)pass_at(HEARTBEAT);
	assert_int_equal(next(), HEARTBEAT);
	for (unsigned i = 0; i < A_TURN + 1; i++)
		told += lane_stage_hear(conns[i]) == BCAST_PACKET_HEARTBEAT;
	assert_int_equal(told, A_TURN);

	(void)pass_at(HEARTBEAT);
	for (unsigned i = 0; i < A_TURN + 1; i++)
		told += lane_stage_hear(conns[i]) == BCAST_PACKET_HEARTBEAT;
	assert_int_equal(told, A_TURN + 1);
}

static void clock_that_jumps_by_hours_does_not_ring_twice(void **state)
{
	const uint64_t hours = UINT64_C(5) * 3600 * 1000 * MS;
	struct bc_conn *conn = lane_stage_client(SESSION_SERVING);

	(void)state;
	(void)pass_at(0);
	conn->session->heard_ns = STAGE_BEGIN + hours;

	(void)pass_at(hours);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_HEARTBEAT);
	assert_int_equal(next(), hours + HEARTBEAT);
	(void)pass_at(hours + 1);
	assert_int_equal(lane_stage_hear(conn), 0);
}

static void silent_client_is_told_and_then_closed(void **state)
{
	struct bc_conn *conn = lane_stage_client(SESSION_SERVING);

	(void)state;
	(void)pass_at(0);
	(void)pass_at(IDLE);
	assert_int_equal(conn->session->state, SESSION_LEAVING);
	/* looked at once more, for what it has now to wait for */
	(void)pass_at(IDLE + 1);
	assert_int_equal(next(), IDLE + 1000 * MS);
	(void)pass_at(IDLE + 1000 * MS);
	assert_int_equal(conn->state, BC_CONN_FREE);
}

static void timer_of_a_slot_that_is_free_does_nothing(void **state)
{
	struct bc_conn *conn = lane_stage_client(SESSION_GREETING);

	(void)state;
	(void)pass_at(0);
	session_free(conn);
	bc_conn_withdraw(&lane_.conns, conn);

	(void)pass_at(STAGE_HELLO_MS * MS);
	assert_true(next() == TIMERS_NEVER);
}

/* In the turn that it woke for, somebody else has to wait for longer. */
static void wake_that_has_come_gives_way_to_the_next(void **state)
{
	(void)state;
	lane_arm_by(&lane_, LANE_READ, STAGE_BEGIN + 100);
	lane_arm_by(&lane_, LANE_READ, STAGE_BEGIN + 300);
	lane_arm_by(&lane_, LANE_READ, STAGE_BEGIN + 200);
	assert_int_equal(next(), 100);

	lane_stage_at(99);
	assert_false(lane_is_due(&lane_, LANE_READ));
	lane_arm_by(&lane_, LANE_READ, STAGE_BEGIN + 300);
	assert_int_equal(next(), 100);
	lane_stage_at(100);
	assert_true(lane_is_due(&lane_, LANE_READ));
	lane_arm_by(&lane_, LANE_READ, STAGE_BEGIN + 300);
	assert_false(pass_at(100));
	assert_int_equal(next(), 300);
}

/* As SIGHUP may do it. */
static void timeout_that_gets_shorter_holds_for_all(void **state)
{
	struct bc_conn *receiver = lane_stage_receiver();

	(void)state;
	(void)lane_stage_client(SESSION_GREETING);
	(void)pass_at(0);
	assert_int_equal(next(), STAGE_HELLO_MS * MS);

	config_.hello_timeout_ms = 1000;
	config_.listens[0].send_timeout_ms = 2000;
	lane_time_changed(&lane_);
	(void)pass_at(1);
	assert_int_equal(next(), 1000 * MS);
	receiver->owed_since_ns = STAGE_BEGIN + 500 * MS;
	lane_.tail = 64;
	(void)pass_at(1000 * MS);
	(void)pass_at(2000 * MS + GRAIN);
	assert_false(receiver->overdue);
	(void)pass_at(2500 * MS);
	assert_true(receiver->overdue);
}

static void ticks_are_ten_a_second_whatever_the_clock_does(void **state)
{
	unsigned ticks = 0;

	(void)state;
	lane_stage_at(0);
	lane_time_tick(&lane_);
	for (unsigned ms = 1; ms <= 2000; ms++) {
		if (!pass_at(ms * MS))
			continue;
		lane_time_tick(&lane_);
		ticks++;
	}
	assert_int_equal(ticks, 20);
	assert_true(pass_at(IDLE * 1000));
	lane_time_tick(&lane_);
	assert_false(pass_at(IDLE * 1000 + 1));
	assert_int_equal(next(), IDLE * 1000 + LANE_TICK_NS);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, lane_stage_open, lane_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(nothing_to_wait_for_is_no_timer),
		TEST(newcomer_is_looked_at_in_the_same_turn),
		TEST(deadline_is_met_within_a_grain_and_never_early),
		TEST(deadline_on_a_grain_is_met_exactly),
		TEST(busy_connection_rings_once_an_interval),
		TEST(first_of_all_deadlines_counts),
		TEST(those_beyond_a_turns_number_are_due_in_the_next),
		TEST(clock_that_jumps_by_hours_does_not_ring_twice),
		TEST(silent_client_is_told_and_then_closed),
		TEST(timer_of_a_slot_that_is_free_does_nothing),
		TEST(wake_that_has_come_gives_way_to_the_next),
		TEST(timeout_that_gets_shorter_holds_for_all),
		TEST(ticks_are_ten_a_second_whatever_the_clock_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
