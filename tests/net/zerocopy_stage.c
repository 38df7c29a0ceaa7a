/* SPDX-License-Identifier: MIT */
/* zerocopy_stage.c - see zerocopy_stage.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "zerocopy_stage.h"

#include "net/zerocopy.h"

struct stage stage = {.ours = -1, .theirs = -1};

void stage_connect(int rcvbuf_bytes)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr *any = (struct sockaddr *)&address;
	const struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, any, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, any, &length), 0);
	stage.theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (rcvbuf_bytes > 0)
		assert_int_equal(setsockopt(stage.theirs, SOL_SOCKET, SO_RCVBUF,
					    &rcvbuf_bytes,
					    sizeof(rcvbuf_bytes)),
				 0);
	assert_int_equal(setsockopt(stage.theirs, SOL_SOCKET, SO_RCVTIMEO,
				    &patience, sizeof(patience)),
			 0);
	assert_int_equal(connect(stage.theirs, any, length), 0);
	stage.ours = accept(listener, NULL, NULL);
	assert_true(stage.ours >= 0);
	(void)close(listener);
}

int stage_open(void **state)
{
	char why[256];

	(void)state;
	(void)sigprocmask(SIG_BLOCK, NULL, &stage.no_change);
	stage.ours = stage.theirs = -1;
	stage.memory = mmap(NULL, STAGE_MEMORY_BYTES, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(stage.memory != MAP_FAILED);
	return bc_uring_open(&stage.backend, 64, 0, why, sizeof(why));
}

int stage_close(void **state)
{
	(void)state;
	bc_backend_close(stage.backend);
	(void)close(stage.ours);
	(void)close(stage.theirs);
	(void)munmap(stage.memory, STAGE_MEMORY_BYTES);
	return 0;
}

/* The next event, which must have this token. */
struct bc_event stage_next(uint64_t token)
{
	struct bc_event event = {0};

	for (unsigned i = 0; i < 10; i++) {
		if (bc_backend_wait(stage.backend, &event, 1,
				    STAGE_LONG_WAIT_NS, &stage.no_change) == 0)
			continue;
		assert_int_equal(event.token, token);
		return event;
	}
	fail_msg("no event");
	return event;
}

void stage_no_event(void)
{
	struct bc_event event;

	assert_int_equal(bc_backend_wait(stage.backend, &event, 1,
					 STAGE_SHORT_WAIT_NS, &stage.no_change),
			 0);
}

void stage_notified(uint64_t token)
{
	struct bc_event event = stage_next(token);

	assert_true((event.flags & BC_EVENT_NOTIF) != 0);
	assert_int_equal(event.flags & BC_EVENT_MORE, 0);
	assert_int_equal(event.result, 0);
}

int stage_send(const void *bytes, size_t size, uint64_t token)
{
	assert_int_equal(bc_backend_send_zc(stage.backend, stage.ours, bytes,
					    size, token),
			 0);
	return stage_next(token).result;
}

/* Their kernel takes a few KiB, and the rest waits in our send queue. */
uint64_t stage_stall(uint64_t token)
{
	int taken;

	stage_connect(STAGE_SMALL_RCVBUF);
	memset(stage.memory, 'A', STAGE_MEMORY_BYTES);
	taken = stage_send(stage.memory, 1 << 20, token);
	assert_in_range(taken, 100 * 1024, 1 << 20);
	stage_no_event();
	return (uint64_t)taken;
}

/* How many of the next `size` bytes that they get are this one. */
uint64_t stage_count(uint64_t size, unsigned char byte)
{
	static unsigned char buffer[65536];
	uint64_t count = 0;

	while (size > 0) {
		ssize_t ret = recv(stage.theirs, buffer, sizeof(buffer), 0);

		/* work of the ring may interrupt a wait with a timeout */
		if (ret < 0 && errno == EINTR)
			continue;
		assert_in_range(ret, 1, sizeof(buffer));
		for (ssize_t i = 0; i < ret; i++)
			count += buffer[i] == byte;
		size -= (uint64_t)ret;
	}
	return count;
}

void stage_abort(void)
{
	const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

	assert_int_equal(setsockopt(stage.ours, SOL_SOCKET, SO_LINGER,
				    &abort_now, sizeof(abort_now)),
			 0);
	assert_int_equal(close(stage.ours), 0);
	stage.ours = -1;
}

bool stage_works_here(void)
{
	char why[256];
	bool works;

	if (bc_uring_open(&stage.backend, 8, 0, why, sizeof(why)) < 0) {
		(void)fprintf(stderr, "skipped: %s\n", why);
		return false;
	}
	works = bc_zerocopy_check(stage.backend, why, sizeof(why)) == 0;
	if (!works)
		(void)fprintf(stderr, "skipped: %s\n", why);
	bc_backend_close(stage.backend);
	return works;
}
