/* SPDX-License-Identifier: MIT */
/*
 * A hundred daemons, each killed in mid-stream at a random instant, and three
 * local readers attached before the first: no call of theirs fails, and no
 * byte is wrong, missing or twice. Then as many that are killed while they
 * start. BCAST_KILLS sets another number.
 */
#include <stdlib.h>
#include <time.h>

#include "restart.h"

#define KILLS_DEFAULT 100u
#define START_NS      20000000 /* a start takes about that */
#define NS_PER_S      UINT64_C(1000000000)
#define BYTES_MAX     (UINT64_C(256) << 10)

static struct restart restart;

static int prepare(void **state)
{
	(void)state;
	restart_open(&restart, "16M");
	return 0;
}

static int leave(void **state)
{
	(void)state;
	restart_close(&restart);
	return 0;
}

static unsigned kill_count(void)
{
	const char *text = getenv("BCAST_KILLS");
	int count = text ? atoi(text) : 0;

	return count > 0 ? (unsigned)count : KILLS_DEFAULT;
}

static void no_reader_s_call_fails_in_a_hundred_deaths(void **state)
{
	unsigned kills = kill_count();
	uint64_t epoch, tail;

	(void)state;
	restart_live(&restart);
	restart_attach(&restart);
	epoch = restart.epoch;

	for (unsigned i = 0; i < kills; i++) {
		restart_connect(&restart);
		restart_stream(&restart, (uint64_t)random() % BYTES_MAX);
		restart_kill(&restart);
		restart_disconnect(&restart);
		restart_live(&restart);
		restart_await_readers(&restart);
		assert_int_equal(restart.epoch, epoch);
		assert_int_equal(restart_info(&restart).incarnation, i + 2);
	}

	tail = restart_info(&restart).tail;
	daemon_fixture_stop(&restart.daemon);
	restart_assert_ended(&restart, BCAST_ECLOSED, tail);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Adopting, opening addresses, making a registry: any line of the start. */
static void daemons_killed_while_they_start_leave_the_stream(void **state)
{
	struct timespec pause = {0};
	unsigned kills = kill_count();
	uint64_t epoch, tail, start_ns;

	(void)state;
	/* it is not said that one of them comes to adopt within a second */
	restart.gone_after_ms = DEADLINE_MS;
	start_ns = now_ns();
	restart_live(&restart);
	start_ns = now_ns() - start_ns;
	restart_attach(&restart);
	epoch = restart.epoch;
	restart_connect(&restart);
	restart_stream(&restart, BYTES_MAX);
	restart_kill(&restart);
	restart_disconnect(&restart);
	tail = restart_info(&restart).tail;

	for (unsigned i = 0; i < kills; i++) {
		restart_launch(&restart);
		pause.tv_nsec =
			(long)((uint64_t)random() % start_ns % NS_PER_S);
		(void)nanosleep(&pause, NULL);
		restart_kill(&restart);
	}
	restart_live(&restart);

	assert_int_equal(restart.epoch, epoch);
	assert_int_equal(restart_info(&restart).tail, tail);
	restart_connect(&restart);
	restart_stream(&restart, BYTES_MAX);
	restart_await_readers(&restart);
	restart_disconnect(&restart);
	daemon_fixture_stop(&restart.daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			no_reader_s_call_fails_in_a_hundred_deaths, prepare,
			leave),
		cmocka_unit_test_setup_teardown(
			daemons_killed_while_they_start_leave_the_stream,
			prepare, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
