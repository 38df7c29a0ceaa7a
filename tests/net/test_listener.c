/* SPDX-License-Identifier: MIT */
/* Listening sockets: where, and what the accepted inherit. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

#include "net/listener.h"

static const struct bc_listener_options plain = {.congestion = "",
						 .keepalive_ms = 30000};

static struct bc_sockaddr loopback(uint16_t port)
{
	struct bc_sockaddr address = {.length = sizeof(struct sockaddr_in)};
	struct sockaddr_in *v4 = (void *)&address.storage;

	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
	return ntohs(
		((const struct sockaddr_in *)(const void *)address)->sin_port);
}

/* Connect to a listener, and accept: fds[0] accepted, [1] ours. */
static void connect_pair(int listener, int fds[2])
{
	struct bc_sockaddr address = loopback(0);
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);

	assert_int_equal(
		getsockname(listener, (struct sockaddr *)&bound, &length), 0);
	address = loopback(port_of(&bound));
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fds[1], (struct sockaddr *)&address.storage,
				 address.length),
			 0);
	fds[0] = accept(listener, NULL, NULL);
	assert_true(fds[0] >= 0);
}

/* The same with a listener of its own. */
static int open_pair(const struct bc_listener_options *options, int fds[2])
{
	struct bc_sockaddr address = loopback(0);
	struct sockaddr_storage bound;
	int listener = bc_listener_open(&address, options, &bound);

	if (listener < 0)
		return listener;
	connect_pair(listener, fds);
	(void)close(listener);
	return 0;
}

static void close_pair(const int fds[2])
{
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static int get(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

static void port_0_is_one_that_the_kernel_picks(void **state)
{
	struct bc_sockaddr address = loopback(0);
	struct sockaddr_storage bound;
	int fd = bc_listener_open(&address, &plain, &bound);

	(void)state;
	assert_true(fd >= 0);
	assert_true(port_of(&bound) > 0);
	(void)close(fd);
}

static void port_in_use_is_refused_after_a_while(void **state)
{
	struct bc_sockaddr address = loopback(0);
	struct sockaddr_storage bound;
	int fd = bc_listener_open(&address, &plain, &bound);
	uint64_t start_ms = test_now_ms();

	(void)state;
	address = loopback(port_of(&bound));

	assert_int_equal(bc_listener_open(&address, &plain, &bound),
			 -EADDRINUSE);

	assert_in_range(test_now_ms() - start_ms, 1000, DEADLINE_MS);
	(void)close(fd);
}

static void hold_a_port(void *argument)
{
	int fd = *(int *)argument;

	test_child_ready();
	/* longer than one look, shorter than all of them */
	(void)usleep(300000);
	(void)close(fd);
	_exit(0);
}

static void port_that_becomes_free_is_waited_for(void **state)
{
	struct bc_sockaddr address = loopback(0);
	struct sockaddr_storage bound;
	int fd = bc_listener_open(&address, &plain, &bound);
	struct test_child holder = test_fork(hold_a_port, &fd);

	(void)state;
	(void)close(fd);
	address = loopback(port_of(&bound));

	fd = bc_listener_open(&address, &plain, &bound);

	assert_true(fd >= 0);
	assert_int_equal(test_join(&holder), 0);
	(void)close(fd);
}

static void address_of_another_machine_is_refused(void **state)
{
	struct bc_sockaddr address = loopback(0);
	struct sockaddr_storage bound;

	(void)state;
	/* TEST-NET-1 */
	((struct sockaddr_in *)(void *)&address.storage)->sin_addr.s_addr =
		htonl(0xc0000201);

	assert_int_equal(bc_listener_open(&address, &plain, &bound),
			 -EADDRNOTAVAIL);
}

static void accepted_inherit_nodelay_and_keepalive(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(open_pair(&plain, fds), 0);

	assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(get(fds[0], SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_KEEPIDLE), 30);
	assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_KEEPINTVL), 10);
	assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_KEEPCNT), 3);
	close_pair(fds);
}

static void accepted_inherit_other_times(void **state)
{
	static const struct {
		uint32_t keepalive_ms;
		int on, idle, interval;
	} rows[] = {
		{0, 0, 0, 0},	 {1, 1, 1, 1},	  {1000, 1, 1, 1},
		{1001, 1, 2, 1}, {6000, 1, 6, 2}, {3600000, 1, 3600, 1200},
	};
	struct bc_listener_options options = {.congestion = "",
					      .user_timeout_ms = 60001};
	int fds[2];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		options.keepalive_ms = rows[i].keepalive_ms;
		assert_int_equal(open_pair(&options, fds), 0);
		assert_int_equal(get(fds[0], SOL_SOCKET, SO_KEEPALIVE),
				 rows[i].on);
		if (rows[i].on) {
			assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_KEEPIDLE),
					 rows[i].idle);
			assert_int_equal(
				get(fds[0], IPPROTO_TCP, TCP_KEEPINTVL),
				rows[i].interval);
		}
		assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT),
				 60001);
		close_pair(fds);
	}
	assert_int_equal(open_pair(&plain, fds), 0);
	assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	close_pair(fds);
}

static void times_can_change_later(void **state)
{
	struct bc_sockaddr address = loopback(0);
	struct sockaddr_storage bound;
	int listener = bc_listener_open(&address, &plain, &bound);
	int fds[2];

	(void)state;
	assert_int_equal(bc_listener_retune(listener, 9000, 7000), 0);
	connect_pair(listener, fds);
	assert_int_equal(get(fds[0], SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_KEEPIDLE), 9);
	assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
	close_pair(fds);
	assert_int_equal(bc_listener_retune(listener, 0, 0), 0);
	connect_pair(listener, fds);
	assert_int_equal(get(fds[0], SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_int_equal(get(fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	close_pair(fds);
	(void)close(listener);
}

static void accepted_inherit_buffers(void **state)
{
	const struct bc_listener_options options = {
		.congestion = "",
		.sndbuf_bytes = 100000,
		.rcvbuf_bytes = 50000,
	};
	int fds[2];

	(void)state;
	assert_int_equal(open_pair(&options, fds), 0);

	/* the kernel doubles what is asked for */
	assert_int_equal(get(fds[0], SOL_SOCKET, SO_SNDBUF), 200000);
	assert_int_equal(get(fds[0], SOL_SOCKET, SO_RCVBUF), 100000);
	close_pair(fds);
}

static void accepted_inherit_congestion_control(void **state)
{
	const struct bc_listener_options options = {.congestion = "reno"};
	socklen_t length = 16;
	char name[16] = "";
	int fds[2];

	(void)state;
	/* reno is in every kernel */
	assert_int_equal(open_pair(&options, fds), 0);

	assert_int_equal(
		getsockopt(fds[0], IPPROTO_TCP, TCP_CONGESTION, name, &length),
		0);
	assert_string_equal(name, "reno");
	close_pair(fds);
}

static void unknown_congestion_control_is_refused(void **state)
{
	const struct bc_listener_options options = {.congestion = "nosuch"};
	int fds[2];

	(void)state;
	assert_int_equal(open_pair(&options, fds), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_0_is_one_that_the_kernel_picks),
		cmocka_unit_test(port_in_use_is_refused_after_a_while),
		cmocka_unit_test(port_that_becomes_free_is_waited_for),
		cmocka_unit_test(address_of_another_machine_is_refused),
		cmocka_unit_test(accepted_inherit_nodelay_and_keepalive),
		cmocka_unit_test(accepted_inherit_other_times),
		cmocka_unit_test(times_can_change_later),
		cmocka_unit_test(accepted_inherit_buffers),
		cmocka_unit_test(accepted_inherit_congestion_control),
		cmocka_unit_test(unknown_congestion_control_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
