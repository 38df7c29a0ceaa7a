/* SPDX-License-Identifier: MIT */
/*
 * Which backend a daemon runs on: what was asked for, or what works here. It
 * says why, in the log and in the segment, and serves the stream all the same.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd_stage.h"
#include "deny.h"

#define OPTIONS(...)                                                           \
	((const char *const[]){"--ring-size", "1M", "--listen", "127.0.0.1:0", \
			       __VA_ARGS__, NULL})

static bool uring_works;

/* ---- As other systems are ---------------------------------------------- */

static void deny_all_of_io_uring(void *argument)
{
	static const long calls[] = {SYS_io_uring_setup, SYS_io_uring_enter,
				     SYS_io_uring_register};
	const int *error = argument;

	deny_calls(calls, sizeof(calls) / sizeof(calls[0]), *error);
}

static void deny_the_use_of_io_uring(void *argument)
{
	static const long calls[] = {SYS_io_uring_enter};
	const int *error = argument;

	deny_calls(calls, 1, *error);
}

static void launch_denied(void (*deny)(void *), int *error,
			  const char *const options[])
{
	daemon_.in_child = deny;
	daemon_.in_child_argument = error;
	daemon_fixture_launch(&daemon_, options);
}

/* ---- What it says ------------------------------------------------------ */

static void fact(const char *key, char *value, size_t size)
{
	struct bcast_monitor *monitor;
	struct bcast_fact found;
	uint32_t next = 0;

	value[0] = '\0';
	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	while (bcast_monitor_fact(monitor, &next, &found) == 1)
		if (strcmp(found.key, key) == 0)
			snprintf(value, size, "%s", found.value);
	bcast_monitor_close(monitor);
}

static void assert_on_epoll_because(const char *reason)
{
	char value[256];

	daemon_fixture_await_log(&daemon_, "info listening ", 1);
	daemon_fixture_await_log(&daemon_,
				 "warn backend name=epoll reason=", 1);
	daemon_fixture_await_log(&daemon_, reason, 1);
	fact("backend", value, sizeof(value));
	assert_string_equal(value, "epoll");
	fact("backend_why", value, sizeof(value));
	if (!strstr(value, reason))
		fail_msg("no '%s' in: %s", reason, value);
}

static void assert_streams(void)
{
	crowd_send_from(&crowd, "any");
	(void)crowd_receive(&crowd);
	(void)crowd_receive(&crowd);
	(void)crowd_read_local(&crowd);
	crowd_send(&crowd, 512u << 10);
	crowd_settle(&crowd);
	crowd_end_sender(&crowd);
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

static void assert_refused(const char *reason)
{
	assert_int_equal(daemon_fixture_wait(&daemon_), EX_OSERR);
	if (!strstr(daemon_fixture_log(&daemon_), reason))
		fail_msg("no '%s' in: %s", reason, daemon_.log);
	assert_false(test_object_exists(daemon_.name, ""));
	daemon_fixture_forget(&daemon_);
}

/* ---- Claims ------------------------------------------------------------ */

static void epoll_is_taken_when_asked_for(void **state)
{
	(void)state;
	daemon_fixture_start(&daemon_, OPTIONS("--backend", "epoll"));

	daemon_fixture_await_log(&daemon_, "info backend name=epoll\n", 1);

	assert_streams();
}

static void io_uring_is_taken_where_it_works(void **state)
{
	char value[256];

	(void)state;
	if (!uring_works)
		skip();
	daemon_fixture_start(&daemon_, OPTIONS("--backend", "auto"));

	daemon_fixture_await_log(&daemon_, "info backend name=io_uring\n", 1);

	fact("backend_why", value, sizeof(value));
	assert_string_equal(value, "");
	assert_streams();
}

static void denied_io_uring_makes_auto_take_epoll(void **state)
{
	int error = EPERM;

	(void)state;
	launch_denied(deny_all_of_io_uring, &error,
		      OPTIONS("--backend", "auto"));

	assert_on_epoll_because("seccomp profile: allow io_uring_setup");

	assert_streams();
}

static void hidden_io_uring_makes_auto_take_epoll(void **state)
{
	int error = ENOSYS;

	(void)state;
	launch_denied(deny_all_of_io_uring, &error,
		      OPTIONS("--backend", "auto"));

	assert_on_epoll_because("io_uring");

	assert_streams();
}

static void io_uring_that_fails_its_trial_is_not_taken(void **state)
{
	int error = EPERM;

	(void)state;
	if (!uring_works)
		skip();
	launch_denied(deny_the_use_of_io_uring, &error,
		      OPTIONS("--backend", "auto"));

	assert_on_epoll_because("the trial of accept failed");

	assert_streams();
}

static void io_uring_that_was_asked_for_is_not_replaced(void **state)
{
	int error = EPERM;

	(void)state;
	launch_denied(deny_all_of_io_uring, &error,
		      OPTIONS("--backend", "io_uring"));

	assert_refused("option=--backend value=io_uring error=\"io_uring is "
		       "denied");
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(epoll_is_taken_when_asked_for),
		TEST(io_uring_is_taken_where_it_works),
		TEST(denied_io_uring_makes_auto_take_epoll),
		TEST(hidden_io_uring_makes_auto_take_epoll),
		TEST(io_uring_that_fails_its_trial_is_not_taken),
		TEST(io_uring_that_was_asked_for_is_not_replaced),
	};
	struct io_uring_params params = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);

	uring_works = fd >= 0;
	if (uring_works)
		(void)close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
