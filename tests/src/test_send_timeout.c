/* SPDX-License-Identifier: MIT */
/* Who takes nothing, by --send-timeout; the clock is ours. */
#include "lane_stage.h"

#include "src/slow.h"

#define TIMEOUT	    (2000 * MS)
#define SECOND_LOOK (100 * MS)

static struct bc_conn *conn;

static int prepare(void **state)
{
	if (lane_stage_open(state) < 0)
		return -1;
	config_.listens[0].send_timeout_ms = 2000;
	conn = lane_stage_receiver();
	return 0;
}

static uint64_t look_at(uint64_t since_ns)
{
	uint64_t due_ns;

	lane_stage_at(since_ns);
	due_ns = slow_look_after(&lane_, conn);
	return due_ns == TIMERS_NEVER ? TIMERS_NEVER : due_ns - STAGE_BEGIN;
}

/* Bytes are offered to it, of which it takes none. */
static void offer_at(uint64_t since_ns)
{
	lane_.tail = conn->cursor + 100;
	conn->owed_since_ns = STAGE_BEGIN + since_ns;
}

/* As egress.c, when it takes some. */
static void take(uint64_t bytes)
{
	conn->cursor += bytes;
	conn->owed_since_ns = 0;
	conn->overdue = false;
}

static void one_that_takes_nothing_is_ended_at_the_second_look(void **state)
{
	(void)state;
	offer_at(0);

	assert_int_equal(look_at(0), TIMEOUT);
	assert_int_equal(look_at(TIMEOUT - 1), TIMEOUT);
	assert_int_equal(look_at(TIMEOUT), TIMEOUT + SECOND_LOOK);
	assert_int_equal(conn->state, BC_CONN_OPEN);
	assert_true(look_at(TIMEOUT + SECOND_LOOK) == TIMERS_NEVER);
	assert_int_equal(conn->state, BC_CONN_ENDED);
	assert_int_equal(conn->close_reason, BCAST_CLOSE_SEND_TIMEOUT);
}

static void late_first_look_is_no_second_one(void **state)
{
	(void)state;
	offer_at(0);

	assert_int_equal(look_at(TIMEOUT + 1), TIMEOUT + 1 + SECOND_LOOK);
	assert_int_equal(conn->state, BC_CONN_OPEN);
}

static void one_that_takes_something_between_the_looks_stays(void **state)
{
	(void)state;
	offer_at(0);
	assert_int_equal(look_at(TIMEOUT), TIMEOUT + SECOND_LOOK);

	take(1);
	conn->owed_since_ns = STAGE_BEGIN + TIMEOUT + 5;

	assert_int_equal(look_at(TIMEOUT + SECOND_LOOK), 2 * TIMEOUT + 5);
	assert_int_equal(look_at(2 * TIMEOUT + 5),
			 2 * TIMEOUT + 5 + SECOND_LOOK);
	assert_int_equal(conn->state, BC_CONN_OPEN);
}

static void one_that_is_owed_nothing_has_all_its_time_before_it(void **state)
{
	(void)state;
	assert_int_equal(look_at(0), TIMEOUT);
	assert_int_equal(look_at(TIMEOUT), 2 * TIMEOUT);
	offer_at(TIMEOUT + 1);

	assert_int_equal(look_at(2 * TIMEOUT), 2 * TIMEOUT + 1);
	assert_int_equal(look_at(2 * TIMEOUT + 1),
			 2 * TIMEOUT + 1 + SECOND_LOOK);
	assert_true(look_at(2 * TIMEOUT + 1 + SECOND_LOOK) == TIMERS_NEVER);
	assert_int_equal(conn->state, BC_CONN_ENDED);
}

/* It was moved to the tail, which goes on; it has taken nothing since. */
static void skipping_is_not_taking(void **state)
{
	(void)state;
	offer_at(0);
	conn->cursor = lane_.tail;

	assert_int_equal(look_at(TIMEOUT - 1), TIMEOUT);
	assert_int_equal(look_at(TIMEOUT), TIMEOUT + SECOND_LOOK);
	lane_.tail += 100;
	assert_int_equal(look_at(TIMEOUT + SECOND_LOOK),
			 TIMEOUT + 2 * SECOND_LOOK);
	conn->cursor = lane_.tail;
	assert_int_equal(look_at(TIMEOUT + 2 * SECOND_LOOK),
			 TIMEOUT + 3 * SECOND_LOOK);
	lane_.tail += 100;
	assert_int_equal(look_at(TIMEOUT + 3 * SECOND_LOOK),
			 TIMEOUT + 4 * SECOND_LOOK);
	assert_int_equal(conn->state, BC_CONN_OPEN);
	assert_true(look_at(TIMEOUT + 4 * SECOND_LOOK) == TIMERS_NEVER);
	assert_int_equal(conn->close_reason, BCAST_CLOSE_SEND_TIMEOUT);
}

static void without_a_timeout_nobody_is_looked_at_again(void **state)
{
	(void)state;
	config_.listens[0].send_timeout_ms = 0;
	offer_at(0);

	assert_true(look_at(1000 * TIMEOUT) == TIMERS_NEVER);
	assert_true(look_at(2000 * TIMEOUT) == TIMERS_NEVER);
	assert_int_equal(conn->state, BC_CONN_OPEN);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, lane_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(one_that_takes_nothing_is_ended_at_the_second_look),
		TEST(late_first_look_is_no_second_one),
		TEST(one_that_takes_something_between_the_looks_stays),
		TEST(one_that_is_owed_nothing_has_all_its_time_before_it),
		TEST(skipping_is_not_taking),
		TEST(without_a_timeout_nobody_is_looked_at_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
