/* SPDX-License-Identifier: MIT */
/*
 * Many at the door at once: they are served or refused, each with a reason,
 * while the stream goes on as if they were not there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd_stage.h"

#define MIB	(1u << 20)
#define STORMS	4
#define A_STORM 500
#define EARLY	2 /* receivers that were there before */

static struct test_child storms[STORMS];

static int prepare(void **state)
{
	memset(storms, 0, sizeof(storms));
	return crowd_stage_open(state);
}

static int close_all(void **state)
{
	for (unsigned i = 0; i < STORMS; i++)
		test_kill(&storms[i]);
	return crowd_stage_close(state);
}

/* Does not fail: the deadline of the test is what tells. */
static void storm(void *argument)
{
	const uint16_t *port = argument;
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(*port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	test_child_ready();
	for (unsigned i = 0; i < A_STORM; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		test_child_check(fd >= 0);
		(void)connect(fd, (const struct sockaddr *)&address,
			      sizeof(address));
	}
	test_child_sleep();
}

static bool may_open(unsigned count)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= count;
}

/* They come in at the second address, and stall; at the first nobody does. */
static void start(const char *max_receivers)
{
	const char *options[] = {
		"--ring-size", "16M",	      "--ingest",
		"127.0.0.1:0", "--egress",    "127.0.0.1:0,slow-policy=block",
		"--egress",    "127.0.0.1:0", "--max-receivers",
		max_receivers, NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	for (unsigned i = 0; i < EARLY; i++)
		crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
}

static bool all_are_dealt_with(void *argument)
{
	uint64_t joined = daemon_fixture_counter(&daemon_, "receivers_joined");
	uint64_t refused =
		daemon_fixture_counter(&daemon_, "receivers_refused");

	(void)argument;
	/* the stream never pauses while they come */
	crowd_send(&crowd, 65536);
	return joined + refused == EARLY + STORMS * A_STORM;
}

static void break_loose(void)
{
	uint16_t port = daemon_fixture_port_of(&daemon_, "egress", 1);

	for (unsigned i = 0; i < STORMS; i++)
		storms[i] = test_fork(storm, &port);
	crowd_run_until(&crowd, all_are_dealt_with, NULL);
	crowd_settle(&crowd);
}

static void die_down(void)
{
	for (unsigned i = 0; i < STORMS; i++)
		test_kill(&storms[i]);
	daemon_fixture_await(&daemon_, "receivers", EARLY);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	for (unsigned i = 0; i < EARLY; i++) {
		assert_false(crowd.consumers[i].ended);
		assert_int_equal(crowd.consumers[i].bytes, crowd.sent);
	}
	daemon_fixture_stop(&daemon_);
}

static void two_thousand_at_once_are_served(void **state)
{
	(void)state;
	if (!may_open(3000))
		skip();
	start("2500");

	break_loose();

	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_joined"),
			 EARLY + STORMS * A_STORM);
	assert_int_equal(daemon_fixture_counter(&daemon_, "accept_errors"), 0);
	die_down();
}

/* The memory is full: with the newest, each with its reason, newest first. */
static void assert_the_last_are_remembered(uint32_t reason)
{
	struct bcast_closed_info info;
	struct bcast_monitor *monitor;
	uint64_t before_ns = UINT64_MAX;
	unsigned count = 0;
	uint32_t next = 0;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	while (bcast_monitor_closed(monitor, &next, &info) == 1) {
		count++;
		assert_int_equal(info.reason, reason);
		assert_true(info.closed_realtime_ns <= before_ns);
		before_ns = info.closed_realtime_ns;
	}
	bcast_monitor_close(monitor);
	assert_in_range(count, 1000, 1024);
}

/* Each in a line of its own, or counted in one: see --log-rate. */
static bool are_all_told(void *argument)
{
	static const char left_out[] = "warn receiver_refused suppressed=";
	uint64_t told =
		daemon_fixture_logged(&daemon_, " reason=max_receivers\n");
	const char *line = daemon_.log;

	while ((line = strstr(line, left_out))) {
		line += sizeof(left_out) - 1;
		told += strtoul(line, NULL, 10);
	}
	return told == *(const uint64_t *)argument;
}

static void flood_beyond_max_receivers_is_refused(void **state)
{
	uint64_t refused;

	(void)state;
	start("100");

	break_loose();

	refused = daemon_fixture_counter(&daemon_, "receivers_refused");
	assert_true(refused > A_STORM);
	assert_true(daemon_fixture_counter(&daemon_, "receivers") <= 100);
	if (!test_within(DEADLINE_MS, are_all_told, &refused))
		fail_msg("not %llu in:\n%s", (unsigned long long)refused,
			 daemon_.log);
	if (refused == EARLY + STORMS * A_STORM - 100)
		assert_the_last_are_remembered(BCAST_CLOSE_LIMIT);
	die_down();
}

/* ---- The kernel's part ------------------------------------------------- */

/* In a network of its own, so that the machine's setting stays. */
static void take_small_backlog(void *argument)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	(void)argument;
	if (unshare(CLONE_NEWNET) < 0)
		_exit(77);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)ioctl(fd, SIOCSIFFLAGS, &lo);
	(void)close(fd);
	fd = open("/proc/sys/net/core/somaxconn", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "100", 3) != 3)
		_exit(77);
	(void)close(fd);
}

static void try_it(void *argument)
{
	take_small_backlog(argument);
	_exit(0);
}

static void small_backlog_is_told_with_the_fix(void **state)
{
	static const char *const options[] = {
		"--ring-size", "1M",	      "--listen", "127.0.0.1:0",
		"--egress",    "127.0.0.1:0", NULL};

	struct test_child trial = test_fork(try_it, NULL);

	(void)state;
	if (test_join(&trial) != 0)
		skip(); /* needs privileges */
	daemon_.in_child = take_small_backlog;
	daemon_fixture_start(&daemon_, options);

	assert_int_equal(daemon_fixture_logged(
				 &daemon_,
				 "warn small_backlog limit=100 wanted=4096 "
				 "fix=\"sysctl -w net.core.somaxconn=4096\"\n"),
			 1);
	daemon_fixture_stop(&daemon_);
}

/* ---- Port 0 ------------------------------------------------------------ */

static void all_families_of_a_star_get_one_port(void **state)
{
	static const char *const options[] = {"--ring-size", "1M", "--listen",
					      "*:0", NULL};
	unsigned four, six = 0;
	const char *line;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	line = strstr(daemon_fixture_log(&daemon_), "addr=0.0.0.0:");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "addr=0.0.0.0:%u", &four), 1);
	line = strstr(daemon_fixture_log(&daemon_), "addr=[::]:");
	if (line) {
		assert_int_equal(sscanf(line, "addr=[::]:%u", &six), 1);
		assert_int_equal(four, six);
	}
	assert_in_range(four, 1, 65535);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		TEST(two_thousand_at_once_are_served),
		TEST(flood_beyond_max_receivers_is_refused),
		TEST(small_backlog_is_told_with_the_fix),
		TEST(all_families_of_a_star_get_one_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
