/* SPDX-License-Identifier: MIT */
/* Signals are kept until asked for, and none ends the process by itself. */
#include <poll.h>
#include <signal.h>

#include "support.h"

#include "src/signals.h"

static int prepare(void **state)
{
	(void)state;
	signals_open();
	return 0;
}

static void blocked_signal_is_taken_after_a_poll(void **state)
{
	(void)state;
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(signals_take(), 0);

	signals_poll();

	assert_int_equal(signals_take(), SIGTERM);
	assert_int_equal(signals_take(), 0);
}

static void poll_without_a_signal_finds_none(void **state)
{
	(void)state;
	signals_poll();

	assert_int_equal(signals_take(), 0);
}

static void wait_with_the_mask_lets_it_in(void **state)
{
	const struct timespec long_time = {.tv_sec = DEADLINE_MS / 1000};

	(void)state;
	assert_int_equal(raise(SIGINT), 0);

	assert_int_equal(ppoll(NULL, 0, &long_time, signals_wait_mask()), -1);

	assert_int_equal(signals_take(), SIGINT);
}

static void broken_pipe_is_ignored(void **state)
{
	(void)state;
	assert_int_equal(raise(SIGPIPE), 0);
	signals_poll();

	assert_int_equal(signals_take(), 0);
}

static void successor_is_asked_for_apart_from_the_end(void **state)
{
	(void)state;
	assert_int_equal(raise(SIGUSR2), 0);
	assert_false(signals_take_succession());

	signals_poll();

	assert_int_equal(signals_take(), 0);
	assert_false(signals_take_hangup());
	assert_true(signals_take_succession());
	assert_false(signals_take_succession());
}

static void hangup_is_kept_apart_from_the_end(void **state)
{
	(void)state;
	assert_int_equal(raise(SIGHUP), 0);
	assert_int_equal(raise(SIGTERM), 0);
	assert_false(signals_take_hangup());

	signals_poll();

	assert_true(signals_take_hangup());
	assert_false(signals_take_hangup());
	assert_int_equal(signals_take(), SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocked_signal_is_taken_after_a_poll),
		cmocka_unit_test(poll_without_a_signal_finds_none),
		cmocka_unit_test(wait_with_the_mask_lets_it_in),
		cmocka_unit_test(broken_pipe_is_ignored),
		cmocka_unit_test(hangup_is_kept_apart_from_the_end),
		cmocka_unit_test(successor_is_asked_for_apart_from_the_end),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
