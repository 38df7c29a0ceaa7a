/* SPDX-License-Identifier: MIT */
/* backends.c - see backends.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends.h"

#define SKIPPED 77

static const struct backends_kind kinds[] = {
	{"io_uring", bc_uring_open, 0, false},
	{"io_uring without futex requests", bc_uring_open, BC_URING_NO_FUTEX,
	 true},
	{"epoll", bc_epoll_open, 0, true},
	{"epoll without epoll_pwait2", bc_epoll_open, BC_EPOLL_COARSE, true},
};

const struct backends_kind *kind;
struct bc_backend *backend;
int pair[2];
sigset_t no_change;
char megabytes[4 << 20];

/* ---- The suite --------------------------------------------------------- */

int open_backend(void)
{
	char why[256];

	return kind->open(&backend, 64, kind->flags, why, sizeof(why));
}

int open_all(void **state)
{
	(void)state;
	(void)sigprocmask(SIG_BLOCK, NULL, &no_change);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	return open_backend();
}

int close_all(void **state)
{
	(void)state;
	bc_backend_close(backend);
	backend = NULL;
	(void)close(pair[0]);
	(void)close(pair[1]);
	return 0;
}

int backends_run(const struct CMUnitTest *tests, size_t count)
{
	int failures = 0;
	unsigned ran = 0;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char why[256];

		kind = &kinds[i];
		if (kind->open(&backend, 64, kind->flags, why, sizeof(why)) <
		    0) {
			(void)fprintf(stderr, "%s is left out: %s\n",
				      kind->name, why);
			continue;
		}
		bc_backend_close(backend);
		backend = NULL;
		ran++;
		failures += _cmocka_run_group_tests(kind->name, tests, count,
						    NULL, NULL);
	}
	return ran > 0 ? failures : SKIPPED;
}

/* ---- Events ------------------------------------------------------------ */

int wait_for(struct bc_event *events, unsigned max, int64_t timeout_ns)
{
	return bc_backend_wait(backend, events, max, timeout_ns, &no_change);
}

struct bc_event one_event(uint64_t token)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	struct bc_event event = {0};

	while (test_now_ms() < end_ms) {
		int count = wait_for(&event, 1, LONG_WAIT_NS);

		if (count == 0)
			continue;
		assert_int_equal(count, 1);
		assert_int_equal(event.token, token);
		return event;
	}
	fail_msg("no event");
	return event;
}

int one_result(uint64_t token)
{
	struct bc_event event = one_event(token);

	assert_int_equal(event.flags, 0);
	return event.result;
}

void assert_no_event(void)
{
	struct bc_event event;

	assert_int_equal(wait_for(&event, 1, SHORT_WAIT_NS), 0);
}

/* ---- Sockets ----------------------------------------------------------- */

int listen_on_loopback(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
	assert_int_equal(listen(fd, 4096), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length),
			 0);
	return fd;
}

int connect_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)address, sizeof(*address)),
		0);
	return fd;
}

void connect_two(int *ours, int *theirs)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);

	*theirs = connect_to(&address);
	*ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*ours >= 0);
	(void)close(listener);
}

void reset(int fd)
{
	const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_now,
			 sizeof(abort_now));
	(void)close(fd);
}

size_t fill(int fd)
{
	size_t total = 0;
	ssize_t count;

	while ((count = send(fd, megabytes, sizeof(megabytes), MSG_DONTWAIT)) >
	       0)
		total += (size_t)count;
	return total;
}
