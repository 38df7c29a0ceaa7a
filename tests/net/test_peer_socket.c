/* SPDX-License-Identifier: MIT */
/* Half-closed or gone? Asked of the kernel, for every way to go. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

#include "net/peer_socket.h"

static struct bc_peer_socket diag;
static int ours, theirs; /* the two ends of a connection */

static void connect_pair(int family)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *address =
		family == AF_INET ? (void *)&v4 : (void *)&v6;
	socklen_t length = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || bind(listener, address, length) < 0) {
		(void)close(listener);
		skip(); /* no such family here */
	}
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, address, &length), 0);
	theirs = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(theirs, address, length), 0);
	ours = accept(listener, NULL, NULL);
	assert_true(ours >= 0);
	(void)close(listener);
}

static int prepare(void **state)
{
	(void)state;
	ours = theirs = -1;
	diag.fd = -1;
	return 0;
}

/* Skips the test where the kernel does not answer such questions. */
static void open_all(int family)
{
	int ret;

	if (bc_peer_socket_open(&diag) < 0)
		skip();
	connect_pair(family);
	ret = bc_peer_socket_held(&diag, ours);
	if (ret != 1 && ret != 0)
		skip();
}

static int close_all(void **state)
{
	(void)state;
	(void)close(ours);
	(void)close(theirs);
	bc_peer_socket_close(&diag);
	return 0;
}

static void open_peer_is_held(void **state)
{
	(void)state;
	open_all(AF_INET);

	assert_int_equal(bc_peer_socket_held(&diag, ours), 1);
}

static void half_closed_peer_is_held(void **state)
{
	(void)state;
	open_all(AF_INET);

	assert_int_equal(shutdown(theirs, SHUT_WR), 0);

	assert_int_equal(bc_peer_socket_held(&diag, ours), 1);
}

static void closed_peer_is_not_held(void **state)
{
	(void)state;
	open_all(AF_INET);

	(void)close(theirs);

	assert_int_equal(bc_peer_socket_held(&diag, ours), 0);
}

static void peer_closed_after_half_closing_is_not_held(void **state)
{
	(void)state;
	open_all(AF_INET);

	assert_int_equal(shutdown(theirs, SHUT_WR), 0);
	(void)close(theirs);

	assert_int_equal(bc_peer_socket_held(&diag, ours), 0);
}

static void peer_that_closed_with_unread_bytes_is_not_held(void **state)
{
	(void)state;
	open_all(AF_INET);
	assert_int_equal(send(ours, "unread", 6, 0), 6);

	(void)close(theirs);

	/* its reset has taken our end's address away, or the answer is no */
	assert_int_not_equal(bc_peer_socket_held(&diag, ours), 1);
}

/* What it wrote is still under way when it is gone. */
static void closed_peer_with_unsent_bytes_is_not_held(void **state)
{
	static char bytes[65536];

	(void)state;
	open_all(AF_INET);
	while (send(theirs, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;

	(void)close(theirs);

	assert_int_equal(bc_peer_socket_held(&diag, ours), 0);
}

static void wait_to_be_killed(void *argument)
{
	(void)argument;
	(void)close(ours);
	test_child_ready();
	test_child_sleep();
}

static void killed_process_does_not_hold(void **state)
{
	struct test_child child;

	(void)state;
	open_all(AF_INET);
	child = test_fork(wait_to_be_killed, NULL);
	(void)close(theirs);
	assert_int_equal(bc_peer_socket_held(&diag, ours), 1);

	test_kill(&child);

	assert_int_equal(bc_peer_socket_held(&diag, ours), 0);
}

static void ipv6_is_asked_the_same_way(void **state)
{
	(void)state;
	open_all(AF_INET6);
	assert_int_equal(bc_peer_socket_held(&diag, ours), 1);

	(void)close(theirs);

	assert_int_equal(bc_peer_socket_held(&diag, ours), 0);
}

/* ---- Unix sockets: our own end knows ----------------------------------- */

static void connect_unix_pair(void)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ours = fds[0];
	theirs = fds[1];
}

static void unix_peer_that_half_closed_is_held(void **state)
{
	(void)state;
	connect_unix_pair();
	assert_int_equal(bc_peer_socket_held(&diag, ours), 1);
	assert_int_equal(shutdown(theirs, SHUT_WR), 0);

	assert_int_equal(bc_peer_socket_held(&diag, ours), 1);
}

static void unix_peer_that_closed_is_not_held(void **state)
{
	(void)state;
	connect_unix_pair();
	/* something unread at either end changes nothing */
	assert_int_equal(send(theirs, "x", 1, 0), 1);
	assert_int_equal(close(theirs), 0);
	theirs = -1;

	assert_int_equal(bc_peer_socket_held(&diag, ours), 0);
}

static void unix_peer_is_named_by_its_process(void **state)
{
	char text[64], expected[64];

	(void)state;
	connect_unix_pair();
	snprintf(expected, sizeof(expected), "unix:pid=%d,uid=%u",
		 (int)getpid(), (unsigned)getuid());

	assert_string_equal(bc_peer_socket_describe(ours, text, sizeof(text)),
			    expected);
	bc_peer_socket_describe(ours, text, 6);
	assert_string_equal(text, "unix:");
}

static void tcp_peer_is_named_by_its_address(void **state)
{
	char text[64];

	(void)state;
	connect_pair(AF_INET);

	bc_peer_socket_describe(ours, text, sizeof(text));
	assert_int_equal(strncmp(text, "127.0.0.1:", 10), 0);
}

static void closed_diag_cannot_be_asked(void **state)
{
	(void)state;
	connect_pair(AF_INET);

	assert_int_equal(bc_peer_socket_held(&diag, ours), -EBADF);
}

static void many_questions_get_their_own_answers(void **state)
{
	(void)state;
	open_all(AF_INET);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(bc_peer_socket_held(&diag, ours), 1);

	(void)close(theirs);

	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(bc_peer_socket_held(&diag, ours), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		TEST(open_peer_is_held),
		TEST(half_closed_peer_is_held),
		TEST(closed_peer_is_not_held),
		TEST(peer_closed_after_half_closing_is_not_held),
		TEST(peer_that_closed_with_unread_bytes_is_not_held),
		TEST(closed_peer_with_unsent_bytes_is_not_held),
		TEST(killed_process_does_not_hold),
		TEST(ipv6_is_asked_the_same_way),
		TEST(unix_peer_that_half_closed_is_held),
		TEST(unix_peer_that_closed_is_not_held),
		TEST(unix_peer_is_named_by_its_process),
		TEST(tcp_peer_is_named_by_its_address),
		TEST(closed_diag_cannot_be_asked),
		TEST(many_questions_get_their_own_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
