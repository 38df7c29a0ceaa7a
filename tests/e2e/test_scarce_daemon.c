/* SPDX-License-Identifier: MIT */
/*
 * bcastd without memory, at each of its allocations in turn: it says what is
 * wrong and leaves nothing, or goes on with less and says that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>

#include "daemon_fixture.h"

#define ALLOCATIONS_MAX 100u

static struct daemon_fixture daemon_;
static char number[16];

static void set_number(void *argument)
{
	(void)setenv("SCARCE_ALLOCATION", argument, 1);
}

static bool has_begun_or_ended(void *argument)
{
	(void)argument;
	return daemon_fixture_logged(&daemon_, "info listening ") > 0 ||
	       daemon_fixture_logged(&daemon_, "error start_failed ") > 0;
}

static void assert_nothing_left(void)
{
	assert_false(test_object_exists(daemon_.name, ""));
	assert_false(test_object_exists(daemon_.name, ".nodes"));
	assert_false(test_object_exists(daemon_.name, ".lock"));
}

/* True if there was such an allocation. */
static bool start_without(unsigned n, const char *threads)
{
	const char *const options[] = {"--ring-size",
				       "64K",
				       "--listen",
				       "127.0.0.1:0",
				       "--egress-threads",
				       threads,
				       "--admin",
				       "127.0.0.1:0",
				       NULL};
	bool failed, refused;
	int code;

	(void)snprintf(number, sizeof(number), "%u", n);
	daemon_ = (struct daemon_fixture){
		.program = SCARCE_BCASTD,
		.in_child = set_number,
		.in_child_argument = number,
	};
	daemon_fixture_launch(&daemon_, options);
	if (!test_within(DEADLINE_MS, has_begun_or_ended, NULL))
		fail_msg("allocation %u: neither starts nor says why:\n%s", n,
			 daemon_.log);
	failed = daemon_fixture_logged(&daemon_, "scarce failed=now") > 0;
	refused = daemon_fixture_logged(&daemon_, "start_failed") > 0;
	if (!refused && failed)
		assert_true(daemon_fixture_logged(&daemon_, "warn ") > 0);
	if (!refused) {
		daemon_fixture_stop(&daemon_);
		return failed;
	}
	code = daemon_fixture_wait(&daemon_);
	if (code < 64 || code > 78)
		fail_msg("allocation %u: exit code %d:\n%s", n, code,
			 daemon_fixture_log(&daemon_));
	if (daemon_fixture_logged(&daemon_, "Sanitizer"))
		fail_msg("allocation %u:\n%s", n, daemon_.log);
	assert_true(failed);
	assert_nothing_left();
	daemon_fixture_forget(&daemon_);
	return true;
}

static unsigned count_allocations(const char *threads)
{
	unsigned n = 1;

	while (n < ALLOCATIONS_MAX && start_without(n, threads))
		n++;
	return n - 1;
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
	/* those of the backend, the connections and the nodes at least */
	assert_in_range(count_allocations("0"), 3, ALLOCATIONS_MAX - 2);
}

static void each_allocation_for_threads_may_fail(void **state)
{
	(void)state;
	assert_in_range(count_allocations("2"), 7, ALLOCATIONS_MAX - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_allocation_may_fail,
					  daemon_fixture_cleanup),
		cmocka_unit_test_teardown(each_allocation_for_threads_may_fail,
					  daemon_fixture_cleanup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
