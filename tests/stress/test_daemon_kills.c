/* SPDX-License-Identifier: MIT */
/*
 * A hundred daemons, each killed in mid-stream at a random instant, and three
 * local readers attached before the first: no call of theirs fails, and no
 * byte is wrong, missing or twice. BCAST_KILLS sets another number.
 */
#include <stdlib.h>

#include "restart.h"

#define KILLS_DEFAULT 100u
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			no_reader_s_call_fails_in_a_hundred_deaths, prepare,
			leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
