/* SPDX-License-Identifier: MIT */
/* test_process.c - who we are, compared with what the kernel says elsewhere. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shm/process.h"

static void start_ticks_are_the_same_at_each_asking(void **state)
{
	uint64_t ticks = bc_process_start_ticks();

	(void)state;

	assert_true(ticks > 0);
	assert_int_equal(bc_process_start_ticks(), ticks);
}

static void start_ticks_lie_between_boot_and_now(void **state)
{
	FILE *uptime = fopen("/proc/uptime", "re");
	double seconds = 0;

	(void)state;
	assert_non_null(uptime);
	assert_int_equal(fscanf(uptime, "%lf", &seconds), 1);
	(void)fclose(uptime);

	assert_true((double)bc_process_start_ticks() <=
		    (seconds + 1) * (double)sysconf(_SC_CLK_TCK));
}

static void hostile_process_name_does_not_shift_the_fields(void **state)
{
	uint64_t ticks = bc_process_start_ticks();

	(void)state;
	assert_int_equal(prctl(PR_SET_NAME, "a) S 1 2 3 4"), 0);

	assert_int_equal(bc_process_start_ticks(), ticks);
}

static void pid_namespace_is_the_inode_of_the_link(void **state)
{
	char link[64] = "", right[64];

	(void)state;
	assert_true(readlink("/proc/self/ns/pid", link, sizeof(link) - 1) > 0);
	snprintf(right, sizeof(right), "pid:[%llu]",
		 (unsigned long long)bc_process_pid_namespace());

	assert_string_equal(link, right);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_ticks_are_the_same_at_each_asking),
		cmocka_unit_test(start_ticks_lie_between_boot_and_now),
		cmocka_unit_test(
			hostile_process_name_does_not_shift_the_fields),
		cmocka_unit_test(pid_namespace_is_the_inode_of_the_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
