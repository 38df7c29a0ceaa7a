/* SPDX-License-Identifier: MIT */
/*
 * A daemon by its file and its environment: that it serves as these say, and
 * how it ends if they are wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon_fixture.h"

static struct daemon_fixture daemon_;
static char path[64];

static void write_file(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* In the child: what it prints goes where its log goes. */
static void print_to_log(void *argument)
{
	(void)argument;
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
}

static void set_variable(void *argument)
{
	print_to_log(NULL);
	(void)putenv(argument);
}

static void launch(const char *option, const char *value)
{
	const char *const options[] = {"--config", path, option, value, NULL};

	if (!daemon_.in_child)
		daemon_.in_child = print_to_log;
	daemon_fixture_launch(&daemon_, options);
}

static void ends_with(int code, const char *text)
{
	assert_int_equal(daemon_fixture_wait(&daemon_), code);
	if (daemon_fixture_logged(&daemon_, text) == 0)
		fail_msg("no '%s' in:\n%s", text, daemon_fixture_log(&daemon_));
	daemon_fixture_forget(&daemon_);
}

static void it_serves_as_the_file_says(void **state)
{
	(void)state;
	write_file("ring-size = 1M\n"
		   "ingest = 127.0.0.1:0\n"
		   "egress = 127.0.0.1:0,slow-policy=skip\n");
	launch(NULL, NULL);
	daemon_fixture_await_log(&daemon_, "info listening ", 2);
	assert_true(daemon_fixture_port(&daemon_, "ingest") > 0);
	assert_int_equal(daemon_fixture_logged(&daemon_, "slow_policy=skip"),
			 1);
	daemon_fixture_stop(&daemon_);
}

static void the_environment_goes_before_the_file(void **state)
{
	static char variable[] = "BCASTD_LISTEN=127.0.0.1:0 127.0.0.1:0";

	(void)state;
	write_file("ring-size = 1M\nlisten = nowhere.invalid:1\n");
	daemon_.in_child = set_variable;
	daemon_.in_child_argument = variable;
	launch(NULL, NULL);
	daemon_fixture_await_log(&daemon_, "role=any", 2);
	daemon_fixture_stop(&daemon_);
}

static void a_wrong_file_ends_it_with_78(void **state)
{
	(void)state;
	write_file("ring-size = 1M\ncpu = x\nfoo = 1\n");
	launch(NULL, NULL);
	ends_with(78, ":3: foo is no option");
	launch("--check-config", NULL);
	ends_with(78, ":2: cpu: x is not a whole number");
}

static void a_wrong_variable_ends_it_with_78(void **state)
{
	static char variable[] = "BCASTD_RING_SIZE=3M";

	(void)state;
	write_file("");
	daemon_.in_child = set_variable;
	daemon_.in_child_argument = variable;
	launch(NULL, NULL);
	ends_with(78, "bcastd: BCASTD_RING_SIZE: 3M is not a power of two");
}

static void no_file_ends_it_with_66(void **state)
{
	(void)state;
	(void)unlink(path);
	launch(NULL, NULL);
	ends_with(66, "No such file or directory\n");
}

static void a_wrong_option_ends_it_with_64(void **state)
{
	(void)state;
	write_file("cpu = x\n"); /* which nobody has looked at */
	launch("--nodes", "0");
	ends_with(64, "bcastd: --nodes: 0 is out of range");
}

static void what_it_would_run_with_is_printed(void **state)
{
	(void)state;
	write_file("ring-size = 1M\n");
	launch("--check-config", NULL);
	ends_with(0, "\nring-size = 1M                          ; line 1 of ");
	launch("--check-config", NULL);
	ends_with(0, "; command line\n");
}

static void nothing_is_made_by_a_check(void **state)
{
	(void)state;
	write_file("listen = 127.0.0.1:0\n");
	launch("--check-config", NULL);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
}

static int begin(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){.pid = 0};
	snprintf(path, sizeof(path), "/tmp/bcast-test-configured-%ld.conf",
		 (long)getpid());
	return 0;
}

static int end(void **state)
{
	(void)unlink(path);
	return daemon_fixture_cleanup(state);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(it_serves_as_the_file_says),
		TEST(the_environment_goes_before_the_file),
		TEST(a_wrong_file_ends_it_with_78),
		TEST(a_wrong_variable_ends_it_with_78),
		TEST(no_file_ends_it_with_66),
		TEST(a_wrong_option_ends_it_with_64),
		TEST(what_it_would_run_with_is_printed),
		TEST(nothing_is_made_by_a_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
