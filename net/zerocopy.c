/* SPDX-License-Identifier: MIT */
/*
 * zerocopy.c - see zerocopy.h.
 *
 * The bug is CVE-2025-39963: from 6.10 on, the notifications of sends that
 * share a packet are chained, and the chain could be one of another ring or
 * thread. Fixed in 6.12.48, 6.16.8 and 6.17. Some distributions fix it without
 * another number; they lose some speed by this, and nothing else.
 *
 * Not to be seen from here: kernels that have send_zc but not REPORT_USAGE (6.1
 * before a stable update). The round trip asks for it, as every send does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "net/token.h"
#include "net/zerocopy.h"
#include "shm/clock.h"

#define CHECK_TOKEN   bc_token_pack(BC_OP_NONE, 0, 1)
#define CHECK_BYTES   4096u
#define CHECK_WAIT_NS ((uint64_t)(2 * BC_NS_PER_S))
#define CHECK_TURN_NS (100 * BC_NS_PER_MS)

static unsigned number_of(unsigned major, unsigned minor, unsigned patch)
{
	return major << 20 | minor << 10 | (patch < 1023 ? patch : 1023);
}

bool bc_zerocopy_is_sound(const char *release)
{
	unsigned major, minor, patch = 0, number;

	/* "6.1-rc1", "6.12.48+deb13-amd64" */
	if (sscanf(release, "%3u.%3u.%4u", &major, &minor, &patch) < 2)
		return false;
	number = number_of(major, minor, patch);
	if (number < number_of(6, 10, 0))
		return true;
	if (number < number_of(6, 13, 0))
		return number >= number_of(6, 12, 48);
	return number >= number_of(6, 16, 8);
}

/* ---- The round trip ---------------------------------------------------- */

static int connect_pair(int listener, int pair[2])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr *any = (struct sockaddr *)&address;
	socklen_t length = sizeof(address);

	if (bind(listener, any, length) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, any, &length) < 0)
		return -errno;
	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (pair[0] < 0 || connect(pair[0], any, length) < 0)
		return -errno;
	pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return pair[1] < 0 ? -errno : 0;
}

/* Waits for the result, and for the notification if there will be one. */
static int await_both(struct bc_backend *backend)
{
	uint64_t deadline_ns = bc_monotonic_ns() + CHECK_WAIT_NS;
	int result = 0;
	sigset_t mask;

	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	while (bc_monotonic_ns() < deadline_ns) {
		struct bc_event event;
		int ret = bc_backend_wait(backend, &event, 1, CHECK_TURN_NS,
					  &mask);

		if (ret < 0)
			return ret;
		if (ret == 0)
			continue;
		if (event.flags & BC_EVENT_NOTIF)
			return result;
		result = event.result < 0 ? event.result : 0;
		if ((event.flags & BC_EVENT_MORE) == 0)
			return result < 0 ? result : -EPROTO;
	}
	return -ETIMEDOUT;
}

static int round_trip(struct bc_backend *backend)
{
	static const char bytes[CHECK_BYTES];
	int pair[2] = {-1, -1};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (listener < 0)
		return -errno;
	ret = connect_pair(listener, pair);
	if (ret == 0)
		ret = bc_backend_send_zc(backend, pair[0], bytes, sizeof(bytes),
					 CHECK_TOKEN);
	if (ret == 0)
		ret = await_both(backend);
	for (unsigned i = 0; i < 2; i++)
		if (pair[i] >= 0)
			(void)close(pair[i]);
	(void)close(listener);
	return ret;
}

/* ---- The verdict ------------------------------------------------------- */

static int judge(struct bc_backend *backend, char *why, size_t size)
{
	struct utsname system = {0};
	int ret;

	if ((backend->features & BC_BACKEND_ZEROCOPY) == 0) {
		snprintf(why, size,
			 "the %s backend cannot do it here: it needs io_uring "
			 "of Linux 6.2 or newer",
			 backend->ops->name);
		return -EOPNOTSUPP;
	}
	(void)uname(&system);
	if (!bc_zerocopy_is_sound(system.release)) {
		snprintf(why, size,
			 "kernel %.64s says too early that bytes were sent "
			 "(CVE-2025-39963): use 6.12.48, 6.16.8, 6.17 or newer",
			 system.release);
		return -EOPNOTSUPP;
	}
	ret = round_trip(backend);
	if (ret == -EINVAL)
		snprintf(why, size,
			 "this kernel does not report on it: Linux 6.2 or "
			 "newer is needed");
	/* no memory may be locked: only registered memory can be sent from */
	else if (ret < 0 && ret != -ENOMEM)
		snprintf(why, size,
			 "a try on the loopback interface failed: %s",
			 strerror(-ret));
	return ret == -ENOMEM ? 0 : ret;
}

int bc_zerocopy_check(struct bc_backend *backend, char *why, size_t why_size)
{
	int ret = judge(backend, why, why_size);

	if (ret < 0)
		backend->features &= ~BC_BACKEND_ZEROCOPY;
	return ret;
}
