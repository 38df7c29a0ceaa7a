/* SPDX-License-Identifier: MIT */
/*
 * The sysctl that forbids io_uring to all of the machine, for real: so nothing
 * else runs beside this test. A guardian process puts the old value back when
 * this one has ended, whatever ended it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crowd_stage.h"

#define SKIPPED 77
#define SYSCTL	"/proc/sys/kernel/io_uring_disabled"

static char before[8];

static bool set_disabled(const char *value)
{
	int fd = open(SYSCTL, O_WRONLY | O_CLOEXEC);
	ssize_t size = (ssize_t)strlen(value);
	bool good = fd >= 0 && write(fd, value, (size_t)size) == size;

	if (fd >= 0)
		(void)close(fd);
	return good;
}

static bool remember(void)
{
	int fd = open(SYSCTL, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, before, sizeof(before) - 1);

	if (fd >= 0)
		(void)close(fd);
	return size > 0;
}

/* Sleeps until our end of the pipe is closed, by us or by our death. */
static pid_t start_guardian(int *leash)
{
	int ends[2];
	pid_t pid;
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)setsid();
		(void)signal(SIGTERM, SIG_IGN);
		(void)signal(SIGINT, SIG_IGN);
		(void)close(ends[1]);
		while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
			;
		_exit(set_disabled(before) ? 0 : 1);
	}
	(void)close(ends[0]);
	*leash = ends[1];
	return pid;
}

static int close_all(void **state)
{
	(void)set_disabled(before);
	return crowd_stage_close(state);
}

/* What exec gives to root is without it then. */
static void drop_admin(void *argument)
{
	(void)argument;
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) < 0)
		_exit(SKIPPED);
}

static void assert_streams(const char *level)
{
	char reason[128];

	daemon_fixture_await_log(&daemon_, "info listening ", 1);
	assert_true(set_disabled(before));
	snprintf(reason, sizeof(reason),
		 "warn backend name=epoll reason=\"the sysctl "
		 "kernel.io_uring_disabled is %s: set it to 0",
		 level);
	daemon_fixture_await_log(&daemon_, reason, 1);
	crowd_send_from(&crowd, "any");
	(void)crowd_receive(&crowd);
	crowd_send(&crowd, 1u << 20);
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

static const char *const options[] = {"--ring-size", "1M",	  "--listen",
				      "127.0.0.1:0", "--backend", "auto",
				      NULL};

static void forbidden_to_all_it_is_not_used(void **state)
{
	(void)state;
	assert_true(set_disabled("2"));

	daemon_fixture_launch(&daemon_, options);

	assert_streams("2");
}

static void forbidden_to_the_unprivileged_it_is_not_used(void **state)
{
	(void)state;
	daemon_.in_child = drop_admin;
	assert_true(set_disabled("1"));

	daemon_fixture_launch(&daemon_, options);

	assert_streams("1");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, crowd_stage_open, close_all)
	const struct CMUnitTest tests[] = {
		TEST(forbidden_to_all_it_is_not_used),
		TEST(forbidden_to_the_unprivileged_it_is_not_used),
	};
	int failures, status, leash;
	pid_t guardian;

	if (!remember() || !set_disabled(before)) {
		(void)fprintf(stderr, "skipped: no right to write " SYSCTL
				      ", or no such file (before Linux 6.6)\n");
		return SKIPPED;
	}
	guardian = start_guardian(&leash);
	if (guardian < 0)
		return SKIPPED;
	failures = cmocka_run_group_tests(tests, NULL, NULL);
	(void)close(leash);
	if (waitpid(guardian, &status, 0) != guardian || status != 0)
		failures++;
	return failures;
}
