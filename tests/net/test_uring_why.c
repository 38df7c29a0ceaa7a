/* SPDX-License-Identifier: MIT */
/* test_uring_why.c - errors, and what the system says, made into a cause. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/uring_why.h"

static struct bc_uring_setting setting(int disabled, bool filtered,
				       const char *release)
{
	struct bc_uring_setting made = {.disabled = disabled,
					.filtered = filtered};

	snprintf(made.release, sizeof(made.release), "%s", release);
	return made;
}

static void cause_follows_from_error_and_setting(void **state)
{
	static const struct {
		int error;
		int disabled;
		bool filtered;
		const char *release;
		enum bc_uring_cause cause;
	} rows[] = {
		{-EPERM, 2, true, "6.1.0", BC_URING_SYSCTL},
		{-EPERM, 1, false, "6.1.0", BC_URING_SYSCTL},
		{-EACCES, 0, true, "6.1.0", BC_URING_FILTERED},
		{-EPERM, 0, true, "5.10.0", BC_URING_FILTERED},
		{-EPERM, 0, false, "6.1.0", BC_URING_FORBIDDEN},
		{-ENOSYS, 0, true, "6.1.0", BC_URING_FILTERED},
		{-ENOSYS, 0, false, "6.1.0", BC_URING_LEFT_OUT},
		{-ENOSYS, 2, true, "6.0.19", BC_URING_OLD},
		{-EINVAL, 0, false, "5.15.0-91-generic", BC_URING_OLD},
		{-EINVAL, 0, false, "7.0", BC_URING_LEFT_OUT},
		{-ENOSYS, 0, false, "", BC_URING_OLD},
		{-ENOMEM, 0, true, "6.1.0", BC_URING_LOCKED},
		{-EMFILE, 0, false, "6.1.0", BC_URING_DESCRIPTORS},
		{-ENFILE, 0, false, "6.1.0", BC_URING_DESCRIPTORS},
		{-EIO, 2, true, "5.1", BC_URING_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bc_uring_setting here = setting(
			rows[i].disabled, rows[i].filtered, rows[i].release);

		if (bc_uring_why_judge(rows[i].error, &here) != rows[i].cause)
			fail_msg("row %zu", i);
	}
}

static void each_reason_names_what_to_do(void **state)
{
	static const struct {
		int error;
		const char *word;
	} all[] = {
		{-EPERM, "allow"},     {-EACCES, "allow"},
		{-ENOSYS, "io_uring"}, {-EINVAL, "io_uring"},
		{-ENOMEM, "memlock"},  {-EMFILE, "ulimit -n"},
		{-ENFILE, "file-max"}, {-EIO, "Input/output error"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char why[256] = "";

		bc_uring_why_explain(all[i].error, why, sizeof(why));
		for (char *c = why; *c; c++)
			assert_true(*c != '\n' && *c != '"');
		if (!strcasestr(why, all[i].word))
			fail_msg("no '%s' in: %s", all[i].word, why);
	}
}

static void absent_files_are_nothing_in_the_way(void **state)
{
	struct bc_uring_setting here;

	(void)state;
	bc_uring_why_read("/nonexistent", &here);

	assert_int_equal(here.disabled, 0);
	assert_false(here.filtered);
	assert_true(here.release[0] != '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cause_follows_from_error_and_setting),
		cmocka_unit_test(each_reason_names_what_to_do),
		cmocka_unit_test(absent_files_are_nothing_in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
