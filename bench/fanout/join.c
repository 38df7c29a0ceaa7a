/* SPDX-License-Identifier: MIT */
/* join.c - see join.h. */
#include "join.h"
#include "clock.h"
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define JOIN_DEADLINE_S 30.0
#define JOIN_PAUSE_NS	1000000
#define JOIN_TICK	't'
#define JOIN_LAST	'M'
#define JOIN_ALIGN	4096u

int join_one(const struct joining *joining)
{
	int fd = socket_connect(joining->egress, joining->congestion,
				joining->rcvbuf_bytes);
	int ret;

	if (fd < 0 || joining->protocol->subscribe == NULL)
		return fd;
	ret = joining->protocol->subscribe(fd);
	if (ret >= 0)
		return fd;
	(void)close(fd);
	return ret;
}

int join_receivers(const struct joining *joining, int *fds)
{
	for (unsigned i = 0; i < joining->receivers; i++) {
		fds[i] = join_one(joining);
		if (fds[i] < 0)
			return fds[i];
	}
	return 0;
}

/* Goes on where the last look ended: who has something keeps it. */
static bool all_have_something(const struct joining *joining, const int *fds,
			       unsigned *known)
{
	for (; *known < joining->receivers; (*known)++) {
		struct pollfd one = {.fd = fds[*known], .events = POLLIN};

		if (poll(&one, 1, 0) < 1)
			return false;
	}
	return true;
}

static int read_to_last(int fd)
{
	char bytes[4096];
	ssize_t n;

	do {
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
	} while (bytes[n - 1] != JOIN_LAST);
	return 0;
}

/*
 * What counts then begins at a multiple of 4096: how the kernel's copies are
 * aligned, and with that their speed, would else depend on how many ticks it
 * took (10 to 17 % of the server's time, measured; at worst far more).
 */
static int join_raw(const struct joining *joining, int sender, const int *fds)
{
	const double deadline = now_s() + JOIN_DEADLINE_S;
	char last[JOIN_ALIGN];
	char byte = JOIN_TICK;
	unsigned known = 0;
	size_t ticks = 0;
	size_t size;

	while (!all_have_something(joining, fds, &known)) {
		if (now_s() > deadline)
			return -ETIMEDOUT;
		if (send(sender, &byte, 1, MSG_NOSIGNAL) != 1)
			return -errno;
		pause_ns(JOIN_PAUSE_NS);
		ticks++;
	}
	size = sizeof(last) - ticks % sizeof(last);
	memset(last, JOIN_TICK, size);
	last[size - 1] = JOIN_LAST;
	if (send(sender, last, size, MSG_NOSIGNAL) != (ssize_t)size)
		return -errno;
	for (unsigned i = 0; i < joining->receivers; i++) {
		int ret = read_to_last(fds[i]);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int join_sender(const struct joining *joining, const int *fds)
{
	const struct protocol *protocol = joining->protocol;
	int fd = socket_connect(joining->ingest, joining->congestion, 0);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (protocol->subscribe == NULL)
		ret = join_raw(joining, fd, fds);
	else if (protocol->greet != NULL)
		ret = protocol->greet(fd);
	if (ret >= 0)
		return fd;
	(void)close(fd);
	return ret;
}
