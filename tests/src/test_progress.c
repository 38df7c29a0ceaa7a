/* SPDX-License-Identifier: MIT */
/* How far the receivers of a lane are. */
#include "lane_stage.h"

#include "src/progress.h"

static void lag_is_that_of_the_last(void **state)
{
	struct bc_conn *first = lane_stage_receiver();
	struct bc_conn *last = lane_stage_receiver();

	(void)state;
	lane_.tail = 1000;
	first->cursor = 900;
	last->cursor = 300;

	assert_int_equal(progress_lag_max(&lane_), 700);
	last->cursor = 899;
	assert_int_equal(progress_lag_max(&lane_), 101);
	lane_.tail = 1001;
	assert_int_equal(progress_lag_max(&lane_), 102);
}

static void at_the_tail_there_is_none(void **state)
{
	struct bc_conn *conn = lane_stage_receiver();

	(void)state;
	assert_int_equal(progress_lag_max(&lane_), 0);
	lane_.tail = 1;
	assert_int_equal(progress_lag_max(&lane_), 1);
	conn->cursor = 1;
	assert_int_equal(progress_lag_max(&lane_), 0);
	assert_int_equal(progress_lag_max(&lane_), 0);
}

static void bytes_owed_by_the_kernel_are_no_lag(void **state)
{
	struct bc_conn *conn = lane_stage_receiver();

	(void)state;
	lane_.tail = 100;
	(void)bc_owed_add(&conn->owed, 0);
	conn->cursor = 100;

	assert_int_equal(progress_lag_max(&lane_), 0);
	assert_int_equal(lane_.egress.floor, 0);
}

static void without_receivers_there_is_none(void **state)
{
	(void)state;
	lane_.tail = 1000;
	assert_int_equal(progress_lag_max(&lane_), 0);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, lane_stage_open, lane_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(lag_is_that_of_the_last),
		TEST(at_the_tail_there_is_none),
		TEST(bytes_owed_by_the_kernel_are_no_lag),
		TEST(without_receivers_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
