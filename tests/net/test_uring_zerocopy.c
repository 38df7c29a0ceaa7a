/* SPDX-License-Identifier: MIT */
/*
 * Zero-copy sends by the real kernel: which events come, and when the bytes
 * are free again.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "zerocopy_stage.h"

/* ---- Events ------------------------------------------------------------ */

static void result_comes_first_and_then_the_notification(void **state)
{
	struct bc_event event;

	(void)state;
	stage_connect(0);
	memset(stage.memory, 'A', 1000);
	assert_int_equal(bc_backend_send_zc(stage.backend, stage.ours,
					    stage.memory, 1000, 7),
			 0);

	event = stage_next(7);
	assert_int_equal(event.result, 1000);
	assert_int_equal(event.flags, BC_EVENT_MORE);

	event = stage_next(7);
	assert_int_equal(event.result, 0);
	/* on loopback there always is a copy in the end */
	assert_int_equal(event.flags, BC_EVENT_NOTIF | BC_EVENT_COPIED);
	stage_no_event();
	assert_int_equal(stage_count(1000, 'A'), 1000);
}

static void notification_waits_for_the_peer(void **state)
{
	uint64_t taken = stage_stall(7);

	(void)state;
	assert_int_equal(stage_count(taken, 'A'), taken);
	stage_notified(7);
}

/* What the whole care is about. If this fails, the care is not needed. */
static void bytes_changed_before_the_notification_are_sent_changed(void **state)
{
	uint64_t taken = stage_stall(7);

	(void)state;
	memset(stage.memory, 'B', STAGE_MEMORY_BYTES);
	assert_true(stage_count(taken, 'B') > taken / 2);
	stage_notified(7);
}

static void next_send_does_not_wait_for_the_notification(void **state)
{
	uint64_t taken = stage_stall(7);
	int more = stage_send(stage.memory, 4096, 8);

	(void)state;
	assert_int_equal(more, 4096);
	stage_no_event();
	assert_int_equal(stage_count(taken + 4096, 'A'), taken + 4096);
	stage_notified(7);
	stage_notified(8);
}

static void send_to_nobody_is_an_error_and_its_end_is_told(void **state)
{
	struct bc_event event;

	(void)state;
	stage_connect(0);
	(void)close(stage.theirs);
	stage.theirs = -1;
	assert_int_equal(stage_send(stage.memory, 1, 7), 1);
	stage_notified(7);
	assert_int_equal(bc_backend_send_zc(stage.backend, stage.ours,
					    stage.memory, 1, 8),
			 0);
	event = stage_next(8);
	assert_int_equal(event.result, -EPIPE);
	if (event.flags & BC_EVENT_MORE)
		stage_notified(8);
	stage_no_event();
}

static void socket_that_is_not_tcp_is_refused(void **state)
{
	struct bc_event event;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(
		bc_backend_send_zc(stage.backend, pair[0], stage.memory, 1, 7),
		0);
	event = stage_next(7);
	assert_int_equal(event.result, -EOPNOTSUPP);
	if (event.flags & BC_EVENT_MORE)
		stage_notified(7);
	stage_no_event();
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* ---- Ends -------------------------------------------------------------- */

/* A send that finds no room at all. Returns the sends before it. */
static unsigned park(void)
{
	struct bc_event event;
	unsigned sends = 1;

	(void)stage_stall(1);
	for (;;) {
		assert_int_equal(bc_backend_send_zc(stage.backend, stage.ours,
						    stage.memory,
						    STAGE_MEMORY_BYTES,
						    sends + 1),
				 0);
		if (bc_backend_wait(stage.backend, &event, 1,
				    STAGE_SHORT_WAIT_NS, &stage.no_change) == 0)
			return sends;
		sends++;
		assert_int_equal(event.token, sends);
		assert_int_equal(event.flags, BC_EVENT_MORE);
		assert_true(sends < 60);
	}
}

static void cancelled_send_gives_its_events(void **state)
{
	unsigned before = park();
	struct bc_event event;

	(void)state;
	assert_int_equal(bc_backend_cancel(stage.backend, before + 1), 0);
	event = stage_next(before + 1);
	assert_int_equal(event.result, -ECANCELED);
	if (event.flags & BC_EVENT_MORE)
		stage_notified(before + 1);
	stage_no_event();
}

static void reset_by_us_frees_all_bytes(void **state)
{
	unsigned before = park();
	uint64_t notified = 0;
	struct bc_event event;

	(void)state;
	assert_int_equal(bc_backend_cancel(stage.backend, before + 1), 0);
	if (stage_next(before + 1).flags & BC_EVENT_MORE)
		stage_notified(before + 1);
	stage_no_event();

	stage_abort();

	/* in any order: the last have been seen to come first */
	while (notified != (UINT64_C(1) << before) - 1) {
		assert_int_equal(bc_backend_wait(stage.backend, &event, 1,
						 STAGE_LONG_WAIT_NS,
						 &stage.no_change),
				 1);
		assert_true((event.flags & BC_EVENT_NOTIF) != 0);
		assert_in_range(event.token, 1, before);
		notified |= UINT64_C(1) << (event.token - 1);
	}
	stage_no_event();
}

/* A close in order goes on sending from the pages: this is no end. */
static void end_in_order_frees_nothing_before_it_is_taken(void **state)
{
	uint64_t taken = stage_stall(7);

	(void)state;
	assert_int_equal(shutdown(stage.ours, SHUT_WR), 0);
	stage_no_event();
	assert_int_equal(close(stage.ours), 0);
	stage.ours = -1;
	stage_no_event();
	assert_int_equal(stage_count(taken, 'A'), taken);
	stage_notified(7);
}

static void reset_after_an_end_in_order_frees_all_bytes(void **state)
{
	(void)state;
	(void)stage_stall(7);
	assert_int_equal(shutdown(stage.ours, SHUT_WR), 0);
	stage_no_event();
	stage_abort();
	stage_notified(7);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_open, stage_close)
	const struct CMUnitTest tests[] = {
		TEST(result_comes_first_and_then_the_notification),
		TEST(notification_waits_for_the_peer),
		TEST(bytes_changed_before_the_notification_are_sent_changed),
		TEST(next_send_does_not_wait_for_the_notification),
		TEST(send_to_nobody_is_an_error_and_its_end_is_told),
		TEST(socket_that_is_not_tcp_is_refused),
		TEST(cancelled_send_gives_its_events),
		TEST(reset_by_us_frees_all_bytes),
		TEST(end_in_order_frees_nothing_before_it_is_taken),
		TEST(reset_after_an_end_in_order_frees_all_bytes),
	};

	if (!stage_works_here())
		return STAGE_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
