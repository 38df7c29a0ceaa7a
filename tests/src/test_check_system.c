/* SPDX-License-Identifier: MIT */
/* test_check_system.c - the kernel and the processors, as words and numbers. */
#include "check_stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/uring_why.h"
#include "src/check_system.h"

static const struct config config = {.max_receivers = 1};
static const struct check_plan plan = {.root = root_path, .config = &config};

static void kernel_is_judged_by_its_release(void **state)
{
	(void)state;

	check_kernel_judge("6.0.19", &result);
	check_stage_is(CHECK_WARN, "apt-get install linux-image-$(dpkg ");
	check_kernel_judge("5.10.0-30-amd64", &result);
	check_stage_is(CHECK_WARN, "apt-get");
	check_kernel_judge("6.1.0-25-amd64", &result);
	check_stage_is(CHECK_OK, "");
	check_kernel_judge("6.12.1", &result);
	check_stage_is(CHECK_OK, "");
	check_kernel_judge("7.0", &result);
	check_stage_is(CHECK_OK, "");
	check_kernel_judge("gVisor", &result);
	check_stage_is(CHECK_UNKNOWN, "");
}

static void each_cause_without_io_uring_has_its_cure(void **state)
{
	static const struct {
		enum bc_uring_cause cause;
		const char *fix;
	} rows[] = {
		{BC_URING_SYSCTL, "sysctl -w kernel.io_uring_disabled=0"},
		{BC_URING_FILTERED, "--security-opt seccomp="},
		{BC_URING_OLD, "apt-get install linux-image-"},
		{BC_URING_LOCKED, "ulimit -l"},
		{BC_URING_DESCRIPTORS, "ulimit -n"},
		{BC_URING_FORBIDDEN, ""},
		{BC_URING_LEFT_OUT, ""},
		{BC_URING_OTHER, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_io_uring_judge(
			&(struct check_io_uring_facts){
				.error = -EPERM,
				.why = "that is why",
				.cause = (int)rows[i].cause},
			&result);
		assert_string_equal(result.found, "that is why");
		check_stage_is(CHECK_WARN, rows[i].fix);
	}
	check_io_uring_judge(&(struct check_io_uring_facts){.why = ""},
			     &result);
	check_stage_is(CHECK_OK, "");
}

static void what_was_insisted_on_and_cannot_be_had_fails(void **state)
{
	struct check_processors_facts facts = {
		.online = 8, .usable = 2, .barred = true};

	(void)state;
	check_io_uring_judge(
		&(struct check_io_uring_facts){.error = -EPERM,
					       .why = "that is why",
					       .cause = BC_URING_SYSCTL,
					       .wanted =
						       CONFIG_BACKEND_IO_URING},
		&result);
	check_stage_is(CHECK_FAIL, "sysctl");
	check_zerocopy_judge(CONFIG_ZEROCOPY_AUTO, 0, "", &result);
	check_stage_is(CHECK_OK, "");
	check_zerocopy_judge(CONFIG_ZEROCOPY_AUTO, -EINVAL, "why", &result);
	check_stage_is(CHECK_WARN, "");
	check_zerocopy_judge(CONFIG_ZEROCOPY_ON, -EINVAL, "why", &result);
	check_stage_is(CHECK_FAIL, "");
	check_zerocopy_judge(CONFIG_ZEROCOPY_OFF, 0, "", &result);
	check_stage_is(CHECK_OK, "");
	check_processors_judge(&facts, &result);
	check_stage_is(CHECK_FAIL, "nproc");
}

static void missing_call_of_the_greatest_consequence_is_told(void **state)
{
	struct check_calls_facts facts = {true, true, true};

	(void)state;
	check_calls_judge(&facts, &result);
	check_stage_is(CHECK_OK, "");
	facts.membarrier = false;
	check_calls_judge(&facts, &result);
	assert_non_null(strstr(result.means, "fence"));
	check_stage_is(CHECK_WARN, "");
	facts.pidfd = false;
	check_calls_judge(&facts, &result);
	assert_non_null(strstr(result.means, "died"));
	check_stage_is(CHECK_WARN, "");
	facts.locks = false;
	check_calls_judge(&facts, &result);
	check_stage_is(CHECK_FAIL, "");
}

static void slow_clock_is_warned_of(void **state)
{
	(void)state;

	check_clock_judge("tsc", 22, &result);
	assert_string_equal(result.found, "tsc, 22 ns a reading");
	check_stage_is(CHECK_OK, "");
	check_clock_judge("hpet", 1200, &result);
	check_stage_is(CHECK_WARN,
		       "echo tsc >/sys/devices/system/clocksource/");
	check_clock(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
}

static void clock_of_another_namespace_is_warned_of(void **state)
{
	(void)state;

	check_time_namespace(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
	root_write("/proc/self/timens_offsets",
		   "monotonic           0         0\n"
		   "boottime            0         0\n");
	check_time_namespace(&plan, &result);
	check_stage_is(CHECK_OK, "");
	root_write("/proc/self/timens_offsets",
		   "monotonic         -86400         0\n");
	check_time_namespace(&plan, &result);
	assert_non_null(strstr(result.found, "-86400 s"));
	check_stage_is(CHECK_WARN, "");
}

static void one_cpu_is_no_harm_but_with_busy_polling(void **state)
{
	struct check_processors_facts facts = {8, 2, true, false};

	(void)state;
	check_processors_judge(&facts, &result);
	check_stage_is(CHECK_OK, "");
	facts.usable = 1;
	check_processors_judge(&facts, &result);
	check_stage_is(CHECK_WARN, "drop --busy-poll");
	facts.busy_poll = false;
	check_processors_judge(&facts, &result);
	check_stage_is(CHECK_OK, "");
}

static void governor_that_saves_power_is_warned_of(void **state)
{
	static const char path[] =
		"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";

	(void)state;
	check_governor(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
	root_write(path, "performance\n");
	check_governor(&plan, &result);
	check_stage_is(CHECK_OK, "");
	root_write(path, "powersave\n");
	check_governor(&plan, &result);
	check_stage_is(CHECK_WARN, "echo performance | tee ");
}

#define TEST(name)                                              \
	cmocka_unit_test_setup_teardown(name, check_stage_open, \
					check_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kernel_is_judged_by_its_release),
		TEST(each_cause_without_io_uring_has_its_cure),
		TEST(what_was_insisted_on_and_cannot_be_had_fails),
		TEST(missing_call_of_the_greatest_consequence_is_told),
		TEST(slow_clock_is_warned_of),
		TEST(clock_of_another_namespace_is_warned_of),
		TEST(one_cpu_is_no_harm_but_with_busy_polling),
		TEST(governor_that_saves_power_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
