/* SPDX-License-Identifier: MIT */
/* How long an end in order may take; the clock is ours. */
#include <sys/socket.h>
#include <unistd.h>

#include "lane_stage.h"

#include "src/closing.h"

#define IN_ORDER (1000 * MS)

static struct bc_conn *conn;
static int peer = -1;

static int prepare(void **state)
{
	int fds[2];

	if (lane_stage_open(state) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return -1;
	conn = lane_stage_receiver();
	assert_int_not_equal(timers_take(&lane_.timers, lane_.now_ns),
			     TIMERS_NONE);
	conn->fd = fds[0];
	peer = fds[1];
	/* a send without a copy is not settled */
	(void)bc_owed_add(&conn->owed, 0);
	return 0;
}

static int finish(void **state)
{
	if (conn->fd >= 0)
		(void)close(conn->fd);
	(void)close(peer);
	return lane_stage_close(state);
}

static uint64_t look_at(uint64_t since_ns)
{
	uint64_t due_ns;

	lane_stage_at(since_ns);
	due_ns = closing_look_after(&lane_, conn);
	return due_ns == TIMERS_NEVER ? TIMERS_NEVER : due_ns - STAGE_BEGIN;
}

static void end_at_0(uint32_t reason)
{
	lane_stage_at(0);
	bc_conn_end(&lane_.conns, conn, reason, 0);
	closing_run(&lane_);
	assert_int_equal(conn->state, BC_CONN_CLOSING);
}

static bool peer_sees_the_end(void)
{
	char byte;

	return recv(peer, &byte, 1, MSG_DONTWAIT) == 0;
}

static void end_in_order_has_a_deadline(void **state)
{
	(void)state;
	end_at_0(BCAST_CLOSE_PEER);

	assert_true(peer_sees_the_end());
	assert_int_equal(timers_next(&lane_.timers), lane_.now_ns + 1);
	assert_int_equal(look_at(0), IN_ORDER);
	assert_int_equal(look_at(IN_ORDER - 1), IN_ORDER);
	assert_true(conn->fd >= 0);
	assert_true(look_at(IN_ORDER) == TIMERS_NEVER);
	assert_int_equal(conn->fd, -1);
	assert_true(look_at(IN_ORDER + 1) == TIMERS_NEVER);
}

static void at_a_stop_it_is_the_stop_that_has_one(void **state)
{
	(void)state;
	end_at_0(BCAST_CLOSE_SHUTDOWN);

	assert_true(look_at(1000 * IN_ORDER) == TIMERS_NEVER);
	assert_true(conn->fd >= 0);
	lane_.zerocopy.owed = 1;
	closing_press(&lane_);
	assert_int_equal(conn->fd, -1);
}

static void end_that_is_none_in_order_is_at_once(void **state)
{
	(void)state;
	end_at_0(BCAST_CLOSE_SLOW);

	assert_int_equal(conn->fd, -1);
	assert_true(look_at(0) == TIMERS_NEVER);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, finish)
	const struct CMUnitTest tests[] = {
		TEST(end_in_order_has_a_deadline),
		TEST(at_a_stop_it_is_the_stop_that_has_one),
		TEST(end_that_is_none_in_order_is_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
