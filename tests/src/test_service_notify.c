/* SPDX-License-Identifier: MIT */
/*
 * What the service manager is told, and when: the manager is a socket of ours,
 * time is set by hand, and the daemon has no more than what is told of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

#include "shm/counters.h"
#include "src/daemon.h"
#include "src/log.h"

#define SECOND UINT64_C(1000000000)

static struct daemon served;
static struct bc_counter_shm counters[BC_COUNTER_SLOTS];
static int manager;
static char told[512];

/* A socket at this address; '@' is none in the file system. */
static void listen_at(const char *address)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t length = strlen(address);

	memcpy(at.sun_path, address, length);
	if (address[0] == '@')
		at.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(manager >= 0);
	assert_int_equal(
		bind(manager, (const struct sockaddr *)&at,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				 length)),
		0);
	assert_int_equal(setenv("NOTIFY_SOCKET", address, 1), 0);
}

static int set_up(void **state)
{
	char address[64];

	(void)state;
	log_open(LOG_LEVEL_ERROR);
	memset(&served, 0, sizeof(served));
	memset(counters, 0, sizeof(counters));
	served.service.fd = -1;
	served.counters = counters;
	served.home.now_ns = 1000 * SECOND;
	assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
	assert_int_equal(unsetenv("WATCHDOG_PID"), 0);
	snprintf(address, sizeof(address), "@bcast-notify-%d", (int)getpid());
	listen_at(address);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	service_notify_close(&served);
	if (manager >= 0)
		(void)close(manager);
	manager = -1;
	return 0;
}

/* The next message, or "" if there is none. */
static const char *next(void)
{
	ssize_t n = recv(manager, told, sizeof(told) - 1, 0);

	told[n > 0 ? n : 0] = '\0';
	return told;
}

static void tick_after(uint64_t ns)
{
	served.home.now_ns += ns;
	service_notify_tick(&served);
}

/* Until the manager's queue takes no more. Returns how many it took. */
static unsigned fill(void)
{
	unsigned count = 0;

	while (service_notify_main_pid(&served, 1) == 0 && count < 100000) {
		service_notify_ready(&served); /* opens it again */
		count += 2;
	}
	return count;
}

static void nobody_is_told_without_the_variable(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);

	service_notify_ready(&served);
	tick_after(2 * SECOND);
	service_notify_stopping(&served);

	assert_int_equal(served.service.fd, -1);
	assert_string_equal(next(), "");
	assert_int_equal(service_notify_main_pid(&served, 1), 0);
}

static void begin_and_end_are_told(void **state)
{
	(void)state;
	service_notify_ready(&served);
	assert_string_equal(next(), "READY=1");
	service_notify_reloading(&served);
	assert_ptr_equal(strstr(next(), "RELOADING=1\nMONOTONIC_USEC="), told);
	service_notify_ready(&served);
	assert_string_equal(next(), "READY=1");
	service_notify_stopping(&served);
	assert_ptr_equal(strstr(next(), "STOPPING=1\n"), told);
	assert_string_equal(next(), "");
}

static void path_of_a_socket_will_do(void **state)
{
	char path[64];

	(void)state;
	(void)close(manager);
	snprintf(path, sizeof(path), "/tmp/bcast-notify-%d", (int)getpid());
	listen_at(path);

	service_notify_ready(&served);

	assert_string_equal(next(), "READY=1");
	assert_int_equal(unlink(path), 0);
}

static void useless_addresses_are_left_alone(void **state)
{
	static const char *const useless[] = {"", "@", "/", "vsock:2:1", "x"};
	char longest[128];

	(void)state;
	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		served.service.complained = false;
		assert_int_equal(setenv("NOTIFY_SOCKET", useless[i], 1), 0);
		service_notify_ready(&served);
		assert_int_equal(served.service.fd, -1);
	}
	for (size_t length = 107; length <= 109; length++) {
		served.service.complained = false;
		snprintf(longest, sizeof(longest), "/%0*d", (int)length - 1, 0);
		assert_int_equal(setenv("NOTIFY_SOCKET", longest, 1), 0);
		service_notify_ready(&served);
		assert_int_equal(served.service.fd >= 0, length == 107);
		service_notify_close(&served);
	}
}

static void watchdog_hears_of_us_at_half_its_time(void **state)
{
	(void)state;
	assert_int_equal(setenv("WATCHDOG_USEC", "600000", 1), 0);
	service_notify_ready(&served);
	assert_string_equal(next(), "READY=1");

	tick_after(0);
	assert_string_equal(next(), "WATCHDOG=1");
	tick_after(3 * SECOND / 10 - 1);
	assert_string_equal(next(), "");
	tick_after(1);
	assert_string_equal(next(), "WATCHDOG=1");
	assert_string_equal(next(), "");
}

static void watchdog_of_somebody_else_is_not_ours(void **state)
{
	char pid[16];

	(void)state;
	assert_int_equal(setenv("WATCHDOG_USEC", "600000", 1), 0);
	snprintf(pid, sizeof(pid), "%d", (int)getpid() + 1);
	assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
	service_notify_ready(&served);
	assert_int_equal(served.service.watchdog_ns, 0);

	service_notify_close(&served);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
	service_notify_ready(&served);
	assert_int_equal(served.service.watchdog_ns, 6 * SECOND / 10);
}

static void broken_watchdog_time_is_none(void **state)
{
	static const char *const broken[] = {
		"",
		"0",
		"-1",
		" 5",
		"5s",
		"18446744073709551616",
		"18446744073709552",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_int_equal(setenv("WATCHDOG_USEC", broken[i], 1), 0);
		service_notify_ready(&served);
		assert_int_equal(served.service.watchdog_ns, 0);
		service_notify_close(&served);
	}
}

static void status_is_told_once_a_second_if_it_has_changed(void **state)
{
	(void)state;
	service_notify_ready(&served);
	(void)next();
	tick_after(0); /* what stood there before us is no rate */
	assert_string_equal(next(), "");
	bc_counter_add(counters, BC_COUNTER_bytes_in, 1500);
	bc_counter_add(counters, BC_COUNTER_bytes_out, UINT64_C(24) << 30);
	served.home.egress.receivers = 16;

	tick_after(SECOND - 1);
	assert_string_equal(next(), "");
	tick_after(1);
	assert_string_equal(next(), "STATUS=receivers 16, nodes 0; "
				    "in 1.5 kB/s, out 26 GB/s");
	tick_after(SECOND);
	assert_string_equal(next(), "STATUS=receivers 16, nodes 0; "
				    "in 0 B/s, out 0 B/s");
	tick_after(SECOND);
	assert_string_equal(next(), "");
}

static void busy_manager_is_told_later_and_never_waited_for(void **state)
{
	unsigned queued;

	(void)state;
	service_notify_ready(&served);
	queued = fill();
	assert_in_range(queued, 1, 99999);

	service_notify_stopping(&served);
	tick_after(SECOND);
	while (*next())
		assert_null(strstr(told, "STOPPING"));
	tick_after(SECOND);

	assert_ptr_equal(strstr(next(), "STOPPING=1\n"), told);
}

static void successor_is_named_and_we_are_silent(void **state)
{
	(void)state;
	assert_int_equal(setenv("WATCHDOG_USEC", "1000", 1), 0);
	service_notify_ready(&served);
	(void)next();

	assert_int_equal(service_notify_main_pid(&served, 4711), 0);
	tick_after(SECOND);
	service_notify_stopping(&served);

	assert_string_equal(next(), "MAINPID=4711");
	assert_string_equal(next(), "");
}

static void manager_that_is_gone_is_found_again(void **state)
{
	char address[64];

	(void)state;
	service_notify_ready(&served);
	snprintf(address, sizeof(address), "%s", getenv("NOTIFY_SOCKET"));
	(void)close(manager);

	service_notify_stopping(&served);
	listen_at(address);
	tick_after(SECOND);

	assert_ptr_equal(strstr(next(), "STOPPING=1\n"), told);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nobody_is_told_without_the_variable),
		TEST(begin_and_end_are_told),
		TEST(path_of_a_socket_will_do),
		TEST(useless_addresses_are_left_alone),
		TEST(watchdog_hears_of_us_at_half_its_time),
		TEST(watchdog_of_somebody_else_is_not_ours),
		TEST(broken_watchdog_time_is_none),
		TEST(status_is_told_once_a_second_if_it_has_changed),
		TEST(busy_manager_is_told_later_and_never_waited_for),
		TEST(successor_is_named_and_we_are_silent),
		TEST(manager_that_is_gone_is_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
