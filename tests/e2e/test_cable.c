/* SPDX-License-Identifier: MIT */
/*
 * A cable that is cut: a receiver in a network of its own, at the other end of
 * a pair of virtual interfaces, one of which is then switched off. Needs the
 * privileges to make networks, and ip(8); skipped without.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd_stage.h"

#define MIB  (1u << 20)
#define HERE "10.98.7.1"

static struct test_child far;

static int close_all(void **state)
{
	test_kill(&far);
	return crowd_stage_close(state);
}

/* ---- Networks ---------------------------------------------------------- */

static bool run(const char *command)
{
	char line[256];

	snprintf(line, sizeof(line), "%s >/dev/null 2>&1", command);
	return system(line) == 0;
}

/* A network for this program, and so for its daemons. */
static bool take_network(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
	       run("ip link set lo up");
}

static bool lay_cable(void)
{
	return run("ip link add near type veth peer name far") &&
	       run("ip addr add " HERE "/24 dev near") &&
	       run("ip link set near up");
}

/* Of the child, which has a network of its own by now. */
static void plug_in(void)
{
	char command[96];

	snprintf(command, sizeof(command), "ip link set far netns %d", far.pid);
	assert_true(run(command));
}

static void cut_cable(void)
{
	char command[96];

	snprintf(command, sizeof(command),
		 "nsenter -t %d -n ip link set far down", far.pid);
	assert_true(run(command));
}

/* ---- The receiver there ------------------------------------------------ */

static bool is_plugged_in(void *argument)
{
	(void)argument;
	return if_nametoindex("far") != 0;
}

static void receive_there(void *argument)
{
	static char bytes[65536];
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(*(const uint16_t *)argument),
	};
	int fd;

	test_child_check(unshare(CLONE_NEWNET) == 0);
	test_child_ready();
	test_child_check(test_within(DEADLINE_MS, is_plugged_in, NULL));
	test_child_check(run("ip addr add 10.98.7.2/24 dev far") &&
			 run("ip link set far up"));
	test_child_check(inet_pton(AF_INET, HERE, &address.sin_addr) == 1);
	/* made here, so of this network */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	test_child_check(
		connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	test_child_sleep();
}

static uint16_t port_here(void)
{
	const char *line = strstr(daemon_fixture_log(&daemon_), "addr=" HERE);
	unsigned port;

	assert_non_null(line);
	assert_int_equal(sscanf(line, "addr=" HERE ":%u", &port), 1);
	return (uint16_t)port;
}

static struct bcast_closed_info last_closed(void)
{
	struct bcast_closed_info info = {0};
	struct bcast_monitor *monitor;
	uint32_t next = 0;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	assert_int_equal(bcast_monitor_closed(monitor, &next, &info), 1);
	bcast_monitor_close(monitor);
	return info;
}

/* With policy block, it could hold up the stream for a quarter of an hour. */
static void receiver_behind_a_cut_cable_is_dropped(void **state)
{
	static const char *const options[] = {"--ring-size",
					      "4M",
					      "--sndbuf",
					      "256K",
					      "--slow-policy",
					      "block",
					      "--ingest",
					      "127.0.0.1:0",
					      "--egress",
					      "127.0.0.1:0",
					      "--egress",
					      HERE ":0,user-timeout=1s",
					      NULL};
	struct bcast_closed_info closed;
	uint16_t port;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	port = port_here();
	far = test_fork(receive_there, &port);
	plug_in();
	daemon_fixture_await(&daemon_, "receivers", 2);
	crowd_send(&crowd, 8 * MIB);
	crowd_settle(&crowd);

	cut_cable();
	crowd_send(&crowd, 24 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(crowd.consumers[0].bytes, 32 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers"), 1);
	closed = last_closed();
	assert_int_equal(closed.reason, BCAST_CLOSE_RESET);
	assert_true(closed.error == -ETIMEDOUT ||
		    closed.error == -EHOSTUNREACH);
	assert_int_equal(strncmp(closed.peer, "10.98.7.2:", 10), 0);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, crowd_stage_open, close_all)
	const struct CMUnitTest tests[] = {
		TEST(receiver_behind_a_cut_cable_is_dropped),
	};

	if (!take_network() || !lay_cable())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
