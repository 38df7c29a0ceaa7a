/* SPDX-License-Identifier: MIT */
/* stall.c - see stall.h. */
#include "stall.h"
#include "clock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define STALLED_RCVBUF 65536
#define LOOK_MS	       20
#define SIP_MAX	       65536u

static int join(struct stalled *stalled, struct pollfd *one)
{
	one->fd = join_one(&stalled->joining);
	/* data that waits to be read is no news: only the end is */
	one->events = POLLRDHUP;
	return one->fd < 0 ? one->fd : 0;
}

/* Once a second, from each. */
static void sip(const struct stalled *stalled, double *next_s)
{
	uint8_t bytes[SIP_MAX];
	const double now = now_s();

	if (stalled->sip_bytes == 0 || now < *next_s)
		return;
	*next_s = now + 1;
	for (unsigned i = 0; i < stalled->joining.receivers; i++)
		(void)recv(stalled->sockets[i].fd, bytes,
			   stalled->sip_bytes < SIP_MAX ? stalled->sip_bytes
							: SIP_MAX,
			   MSG_DONTWAIT);
}

static void *stall(void *argument)
{
	struct stalled *stalled = argument;
	const unsigned count = stalled->joining.receivers;
	double next_s = 0;

	while (!atomic_load(&stalled->stop)) {
		sip(stalled, &next_s);
		if (poll(stalled->sockets, count, LOOK_MS) <= 0)
			continue;
		for (unsigned i = 0; i < count; i++) {
			struct pollfd *one = &stalled->sockets[i];

			if (one->revents == 0)
				continue;
			(void)close(one->fd);
			atomic_fetch_add(&stalled->dropped, 1);
			if (join(stalled, one) < 0)
				return NULL;
		}
	}
	return NULL;
}

int stall_start(struct stalled *stalled)
{
	int ret;

	if (stalled->joining.rcvbuf_bytes == 0)
		stalled->joining.rcvbuf_bytes = STALLED_RCVBUF;
	for (unsigned i = 0; i < stalled->joining.receivers; i++) {
		ret = join(stalled, &stalled->sockets[i]);
		if (ret < 0)
			return ret;
	}
	if (stalled->joining.receivers == 0)
		return 0;
	atomic_store(&stalled->stop, false);
	ret = -pthread_create(&stalled->thread, NULL, stall, stalled);
	stalled->running = ret == 0;
	return ret;
}

void stall_stop(struct stalled *stalled)
{
	if (!stalled->running)
		return;
	atomic_store(&stalled->stop, true);
	(void)pthread_join(stalled->thread, NULL);
	stalled->running = false;
	for (unsigned i = 0; i < stalled->joining.receivers; i++)
		(void)close(stalled->sockets[i].fd);
}
