/* SPDX-License-Identifier: MIT */
/* Which sends are without a copy; each bound at n-1, n and n+1. */
#include "support.h"

#include "src/zerocopy.h"

static struct config config;
static struct lane lane;
static struct bc_conn conn;

static int prepare(void **state)
{
	(void)state;
	config = (struct config){.zerocopy = CONFIG_ZEROCOPY_AUTO};
	lane = (struct lane){.config = &config};
	conn = (struct bc_conn){.zerocopy = BC_CONN_ZEROCOPY_YES};
	return 0;
}

static void auto_copies_less_than_16k(void **state)
{
	(void)state;
	assert_false(zerocopy_suits(&lane, &conn, 1));
	assert_false(zerocopy_suits(&lane, &conn, 16 * 1024 - 1));
	assert_true(zerocopy_suits(&lane, &conn, 16 * 1024));
	assert_true(zerocopy_suits(&lane, &conn, 16 * 1024 + 1));
}

static void on_copies_nothing(void **state)
{
	(void)state;
	config.zerocopy = CONFIG_ZEROCOPY_ON;
	assert_true(zerocopy_suits(&lane, &conn, 1));
	assert_true(zerocopy_suits(&lane, &conn, 1 << 20));
}

static void receiver_without_it_is_sent_copies(void **state)
{
	(void)state;
	config.zerocopy = CONFIG_ZEROCOPY_ON;
	conn.zerocopy = BC_CONN_ZEROCOPY_NO;
	assert_false(zerocopy_suits(&lane, &conn, 1 << 20));
	conn.zerocopy = BC_CONN_ZEROCOPY_COPIED;
	assert_false(zerocopy_suits(&lane, &conn, 1 << 20));
}

static void with_16_sends_not_settled_the_next_is_copied(void **state)
{
	(void)state;
	config.zerocopy = CONFIG_ZEROCOPY_ON;
	for (unsigned i = 0; i < BC_OWED_MAX; i++) {
		assert_true(zerocopy_suits(&lane, &conn, 1 << 20));
		(void)bc_owed_add(&conn.owed, i);
	}
	assert_false(zerocopy_suits(&lane, &conn, 1 << 20));
	(void)bc_owed_settle(&conn.owed, 0);
	assert_true(zerocopy_suits(&lane, &conn, 1 << 20));
}

static void after_a_refusal_some_are_copied_and_then_it_is_tried(void **state)
{
	(void)state;
	conn.copies = 2;
	assert_false(zerocopy_suits(&lane, &conn, 1 << 20));
	assert_false(zerocopy_suits(&lane, &conn, 1 << 20));
	assert_true(zerocopy_suits(&lane, &conn, 1 << 20));
	assert_true(zerocopy_suits(&lane, &conn, 1 << 20));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, prepare)
	const struct CMUnitTest tests[] = {
		TEST(auto_copies_less_than_16k),
		TEST(on_copies_nothing),
		TEST(receiver_without_it_is_sent_copies),
		TEST(with_16_sends_not_settled_the_next_is_copied),
		TEST(after_a_refusal_some_are_copied_and_then_it_is_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
