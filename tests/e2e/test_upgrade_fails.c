/* SPDX-License-Identifier: MIT */
/*
 * test_upgrade_fails.c - hot upgrades that come to nothing: whoever fails, and
 * wherever, the old daemon goes on, and not a byte is lost. Most takers here
 * are the test itself, which knows the words of upgrade_wire.h and stops after
 * any of them.
 */
#include <errno.h>
#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "crowd.h"
#include "net/fd_pass.h"
#include "src/upgrade_wire.h"
#include "upgrade_stage.h"
#include "zerocopy_daemon.h"

#define MIB	 (UINT64_C(1) << 20)
#define KIB	 (UINT64_C(1) << 10)
#define STRANGER 65534 /* nobody */

static int taker = -1;

static const char *const blocking[] = {
	"--listen",	 "127.0.0.1:0", "--ring-size", "8M",
	"--slow-policy", "block",	NULL,
};

/* ---- The stage --------------------------------------------------------- */

static int open_stage(void **state)
{
	(void)state;
	crowd_open(&crowd, NULL);
	return 0;
}

static int close_stage(void **state)
{
	if (taker >= 0)
		(void)close(taker);
	taker = -1;
	crowd_close(&crowd);
	return upgrade_stage_close(state);
}

static void saturate(void)
{
	if (crowd.goal - crowd.sent < 2 * MIB)
		crowd_send(&crowd, 4 * MIB);
	crowd_step(&crowd);
}

static void start(const char *const options[])
{
	upgrade_stage_start(options);
	crowd.daemon = daemon_now;
	crowd_send_from(&crowd, "any");
	for (unsigned i = 0; i < 4; i++)
		(void)crowd_receive(&crowd);
	for (unsigned i = 0; i < 20; i++)
		saturate();
}

/* As before, and able to be taken over from. */
static void assert_goes_on(void)
{
	for (unsigned i = 0; i < 20; i++)
		saturate();
	upgrade_stage_take(blocking, saturate);
	crowd.daemon = daemon_now;
	crowd_settle(&crowd);
	for (unsigned i = 0; i < crowd.count; i++) {
		assert_false(crowd.consumers[i].ended);
		assert_int_equal(crowd.consumers[i].position, crowd.sent);
	}
	daemon_fixture_stop(daemon_now);
}

/* ---- A taker of ours --------------------------------------------------- */

static socklen_t find_address(struct sockaddr_un *address)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;
	int length;

	assert_int_equal(bcast_monitor_open(daemon_now->name, &monitor), 0);
	assert_int_equal(bcast_monitor_stream(monitor, &info), 0);
	bcast_monitor_close(monitor);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	length = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
			  "bcast.%s.%016llx.%u", daemon_now->name,
			  (unsigned long long)info.epoch, info.incarnation);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)length);
}

static int connect_taker(void)
{
	struct sockaddr_un address;
	socklen_t length = find_address(&address);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

static void say(int fd, enum upgrade_type type)
{
	unsigned char bytes[sizeof(struct upgrade_head_wire)];

	(void)upgrade_wire_head(bytes, type, 0, 0);
	assert_int_equal(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL),
			 sizeof(bytes));
}

/* The type of what comes; 0 at the end. What it brings is closed. */
static int hear(int fd)
{
	static unsigned char bytes[UPGRADE_MESSAGE_MAX];
	uint64_t deadline_ms = test_now_ms() + DEADLINE_MS;
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	struct upgrade_head_wire head;
	int fds[BC_FD_PASS_MAX];
	unsigned count;
	int size;

	while (poll(&poll_fd, 1, 0) == 0) {
		assert_true(test_now_ms() < deadline_ms);
		saturate();
	}
	size = bc_fd_pass_receive(fd, bytes, sizeof(bytes), fds, &count);
	if (size == -ECONNRESET) /* what it said last is behind that */
		size = bc_fd_pass_receive(fd, bytes, sizeof(bytes), fds,
					  &count);
	while (size > 0 && count > 0)
		(void)close(fds[--count]);
	if (size <= 0)
		return 0;
	assert_int_equal(upgrade_wire_check(bytes, (size_t)size, &head), 0);
	return head.type;
}

/* Up to here, and then it is gone. */
enum stage {
	CONNECTED,
	GREETED,
	WELCOMED,
	ASKED,
	HAS_STATE,
	HAS_SOCKETS,
	STAGES,
};

static void come_to(enum stage stage)
{
	taker = connect_taker();
	if (stage >= GREETED)
		say(taker, UPGRADE_HELLO);
	if (stage >= WELCOMED)
		assert_int_equal(hear(taker), UPGRADE_WELCOME);
	if (stage >= ASKED)
		say(taker, UPGRADE_ASK);
	if (stage >= HAS_STATE)
		assert_int_equal(hear(taker), UPGRADE_STATE);
	if (stage >= HAS_SOCKETS)
		assert_int_equal(hear(taker), UPGRADE_SOCKETS);
}

static void drop(void)
{
	(void)close(taker);
	taker = -1;
}

static void await_failure(const char *why)
{
	char line[200];

	snprintf(line, sizeof(line), "upgrade_failed name=%s reason=\"%s\"",
		 daemon_now->name, why);
	for (uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	     daemon_fixture_logged(daemon_now, line) == 0;
	     assert_true(test_now_ms() < end_ms))
		saturate();
}

/* ---- Who takes over goes ----------------------------------------------- */

static void taker_may_go_at_any_stage(void **state)
{
	(void)state;
	start(blocking);
	for (enum stage stage = CONNECTED; stage < STAGES; stage++) {
		come_to(stage);
		for (unsigned i = 0; i < 5; i++)
			saturate();
		drop();
		for (unsigned i = 0; i < 50; i++)
			saturate();
	}
	await_failure("it has gone");

	assert_goes_on();
}

static void taker_that_is_silent_is_waited_for_but_not_long(void **state)
{
	(void)state;
	start(blocking);
	come_to(HAS_SOCKETS);
	await_failure("it took too long");
	drop();

	assert_goes_on();
}

static void second_taker_is_refused(void **state)
{
	int second;

	(void)state;
	start(blocking);
	come_to(WELCOMED);
	second = connect_taker();
	assert_int_equal(hear(second), UPGRADE_REFUSED);
	assert_int_equal(hear(second), 0);
	(void)close(second);
	drop();

	assert_goes_on();
}

/* ---- What it says ------------------------------------------------------ */

static void expect_refusal_of(const void *bytes, size_t size)
{
	taker = connect_taker();
	assert_int_equal(send(taker, bytes, size, MSG_NOSIGNAL), size);
	assert_int_equal(hear(taker), UPGRADE_REFUSED);
	assert_int_equal(hear(taker), 0);
	drop();
}

static void nonsense_is_refused(void **state)
{
	static unsigned char bytes[UPGRADE_MESSAGE_MAX + 1];
	struct upgrade_head_wire head;

	(void)state;
	start(blocking);
	expect_refusal_of("hello?", 6);
	expect_refusal_of(bytes, 1);
	expect_refusal_of(bytes, sizeof(bytes));
	(void)upgrade_wire_head(bytes, UPGRADE_HELLO, 0, 0);
	memcpy(&head, bytes, sizeof(head));
	head.version++;
	expect_refusal_of(&head, sizeof(head));
	(void)upgrade_wire_head(bytes, UPGRADE_ASK, 0, 0);
	expect_refusal_of(bytes, sizeof(head));
	(void)upgrade_wire_head(bytes, UPGRADE_GO, 0, 0);
	expect_refusal_of(bytes, sizeof(head));

	assert_goes_on();
}

static void word_out_of_turn_ends_it(void **state)
{
	(void)state;
	start(blocking);
	come_to(HAS_SOCKETS);
	say(taker, UPGRADE_GO);
	assert_int_equal(hear(taker), UPGRADE_REFUSED);
	drop();

	assert_goes_on();
}

/* In a child, which leaves the crowd alone. */
static void ask_as_stranger(void *argument)
{
	unsigned char bytes[UPGRADE_TEXT_MAX];
	struct upgrade_head_wire head;
	ssize_t size;

	(void)argument;
	test_child_check(setgroups(0, NULL) == 0 && setgid(STRANGER) == 0 &&
			 setuid(STRANGER) == 0);
	test_child_ready();
	size = recv(connect_taker(), bytes, sizeof(bytes), 0);
	test_child_check(size > 0 &&
			 upgrade_wire_check(bytes, (size_t)size, &head) == 0);
	test_child_check(head.type == UPGRADE_REFUSED);
}

static void other_users_are_refused(void **state)
{
	const char *options[] = {
		"--listen", "127.0.0.1:0",   "--ring-size", "8M", "--mode",
		"0644",	    "--slow-policy", "block",	    NULL,
	};
	struct test_child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	start(options);
	child = test_fork(ask_as_stranger, NULL);

	assert_int_equal(test_join(&child), 0);
	assert_goes_on();
}

/* ---- What cannot be ---------------------------------------------------- */

static void refused_options(const char *option, const char *value)
{
	const char *options[] = {
		"--listen", "127.0.0.1:0", "--ring-size", "8M", "--slow-policy",
		"block",    option,	   value,	  NULL,
	};

	assert_int_equal(upgrade_stage_try(options, saturate), EX_UNAVAILABLE);
}

static void what_the_stream_cannot_be_is_refused(void **state)
{
	(void)state;
	start(blocking);
	refused_options("--ring-size", "16M");
	refused_options("--format", "packet");
	refused_options("--max-receivers", "50000");

	assert_goes_on();
}

/* Something is answered at --admin. */
static void assert_is_healthy(void)
{
	const char request[] = "GET /healthz HTTP/1.0\r\n\r\n";
	int fd = crowd_connect(daemon_fixture_port(daemon_now, "admin"), 0);
	char answer[16] = "";

	assert_int_equal(send(fd, request, sizeof(request) - 1, 0),
			 sizeof(request) - 1);
	assert_int_equal(recv(fd, answer, 12, MSG_WAITALL), 12);
	assert_string_equal(answer + 8, " 200");
	(void)close(fd);
}

/* It is found out last of all, when all else stands. */
static void too_few_places_are_refused(void **state)
{
	const char *options[] = {
		"--listen", "127.0.0.1:0", "--ring-size", "8M", "--slow-policy",
		"block",    "--admin",	   "127.0.0.1:0", NULL,
	};
	const char *few[] = {
		"--listen",	   "127.0.0.1:0", "--ring-size", "8M",
		"--slow-policy",   "block",	  "--admin",	 "127.0.0.1:0",
		"--max-receivers", "3",		  NULL,
	};

	(void)state;
	start(options);
	for (unsigned i = 0; i < 20; i++)
		(void)crowd_receive(&crowd);
	assert_is_healthy();
	assert_int_equal(upgrade_stage_try(few, saturate), EX_UNAVAILABLE);
	assert_is_healthy();
	upgrade_stage_take(options, saturate);
	crowd.daemon = daemon_now;
	assert_is_healthy();

	assert_goes_on();
}

/* Its address is not free, so it ends; the socket's file stays ours. */
static void address_in_use_leaves_all_as_it_was(void **state)
{
	char path[64], given[80];
	const char *options[] = {
		"--listen", "127.0.0.1:0", "--ring-size", "8M", "--slow-policy",
		"block",    "--listen",	   given,	  NULL,
	};
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char taken[80];
	const char *more[] = {
		"--listen",	 "127.0.0.1:0", "--ring-size", "8M",
		"--slow-policy", "block",	"--listen",    given,
		"--egress",	 taken,		NULL,
	};
	struct stat status;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/%s.sock", test_name());
	snprintf(given, sizeof(given), "unix:%s", path);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length),
			 0);
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", ntohs(address.sin_port));
	start(options);

	assert_int_equal(upgrade_stage_try(more, saturate), EX_UNAVAILABLE);

	assert_int_equal(stat(path, &status), 0);
	(void)close(fd);
	assert_goes_on();
}

/* ---- Whoever dies, hangs or is told to end ------------------------------ */

static void told_to_end_it_ends_and_gives_nothing_away(void **state)
{
	(void)state;
	start(blocking);
	crowd_settle(&crowd);
	come_to(HAS_SOCKETS);
	assert_int_equal(kill(daemon_now->pid, SIGTERM), 0);
	say(taker, UPGRADE_READY);
	assert_int_equal(hear(taker), UPGRADE_REFUSED);
	drop();

	crowd_run_to_end(&crowd);
	assert_int_equal(daemon_fixture_wait(daemon_now), 0);
	daemon_fixture_assert_clean(daemon_now);
	daemon_fixture_forget(daemon_now);
}

static void daemon_that_hangs_is_not_taken_over(void **state)
{
	(void)state;
	start(blocking);
	assert_int_equal(kill(daemon_now->pid, SIGSTOP), 0);

	assert_int_equal(upgrade_stage_try(blocking, NULL), EX_UNAVAILABLE);
	assert_int_equal(kill(daemon_now->pid, SIGCONT), 0);

	assert_goes_on();
}

static void daemon_that_dies_is_adopted_as_ever(void **state)
{
	const char *options[] = {
		"--takeover", "--listen",      "127.0.0.1:0", "--ring-size",
		"8M",	      "--slow-policy", "block",	      NULL,
	};
	char name[32];

	(void)state;
	start(blocking);
	crowd_settle(&crowd);
	memcpy(name, daemon_now->name, sizeof(name));
	come_to(HAS_SOCKETS);
	assert_int_equal(kill(daemon_now->pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(daemon_now), 128 + SIGKILL);
	assert_int_equal(hear(taker), 0);
	drop();
	daemon_fixture_forget(daemon_now);

	*daemon_now = (struct daemon_fixture){.pid = 0};
	memcpy(daemon_now->name, name, sizeof(name));
	daemon_fixture_start(daemon_now, options);
	assert_int_equal(
		daemon_fixture_logged(daemon_now, "warn segment_adopted "), 1);
	daemon_fixture_stop(daemon_now);
}

/* ---- Zero copy --------------------------------------------------------- */

static const char *const without_copies[] = {
	"--listen",	 "127.0.0.1:0", "--ring-size", "8M",
	"--slow-policy", "block",	"--zerocopy",  "on",
	"--sndbuf",	 "256K",	NULL,
};

static void sends_that_are_never_acknowledged_prevent_it(void **state)
{
	const char *common = getenv("BCAST_TEST_OPTIONS");
	struct consumer *stalled;

	(void)state;
	/* epoll has none */
	if ((common && strstr(common, "epoll")) || !zerocopy_works_here())
		skip();
	start(without_copies);
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;
	for (unsigned i = 0; i < 200; i++)
		saturate();

	assert_int_equal(upgrade_stage_try(without_copies, saturate),
			 EX_UNAVAILABLE);
	await_failure("zero-copy sends are not acknowledged");
	stalled->stalled = false;

	assert_goes_on();
}

int main(void)
{
#define CLAIM(claim) \
	cmocka_unit_test_setup_teardown(claim, open_stage, close_stage)
	const struct CMUnitTest claims[] = {
		CLAIM(taker_may_go_at_any_stage),
		CLAIM(taker_that_is_silent_is_waited_for_but_not_long),
		CLAIM(second_taker_is_refused),
		CLAIM(nonsense_is_refused),
		CLAIM(word_out_of_turn_ends_it),
		CLAIM(other_users_are_refused),
		CLAIM(what_the_stream_cannot_be_is_refused),
		CLAIM(too_few_places_are_refused),
		CLAIM(address_in_use_leaves_all_as_it_was),
		CLAIM(told_to_end_it_ends_and_gives_nothing_away),
		CLAIM(daemon_that_hangs_is_not_taken_over),
		CLAIM(daemon_that_dies_is_adopted_as_ever),
		CLAIM(sends_that_are_never_acknowledged_prevent_it),
	};

	return cmocka_run_group_tests(claims, NULL, NULL);
}
