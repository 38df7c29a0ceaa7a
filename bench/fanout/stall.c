/* SPDX-License-Identifier: MIT */
/*
 * stall.c - receivers that never read, to see what they cost the others.
 *
 * One thread keeps them: whenever the server has dropped one it connects
 * again, so that there is always somebody stalled. They are not counted in
 * the egress, nor in the window that holds the sender.
 */
#include "load.h"
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define STALLED_RCVBUF 65536
#define LOOK_MS	       20

static int join(struct load *load, struct pollfd *one)
{
	const struct options *options = &load->options;

	one->fd = socket_connect(options->egress, options->congestion,
				 STALLED_RCVBUF);
	if (one->fd < 0)
		return one->fd;
	/* data that waits to be read is no news: only the end is */
	one->events = POLLRDHUP;
	return options->protocol->subscribe == NULL
		       ? 0
		       : options->protocol->subscribe(one->fd);
}

static void *stall(void *argument)
{
	struct load *load = argument;

	while (!atomic_load(&load->stop)) {
		if (poll(load->stalled, load->options.stalled, LOOK_MS) <= 0)
			continue;
		for (unsigned i = 0; i < load->options.stalled; i++) {
			struct pollfd *one = &load->stalled[i];

			if (one->revents == 0)
				continue;
			(void)close(one->fd);
			atomic_fetch_add(&load->stalled_dropped, 1);
			if (join(load, one) < 0)
				return NULL;
		}
	}
	return NULL;
}

int stall_start(struct load *load)
{
	for (unsigned i = 0; i < load->options.stalled; i++) {
		int ret = join(load, &load->stalled[i]);

		if (ret < 0)
			return ret;
	}
	if (load->options.stalled == 0)
		return 0;
	return -pthread_create(&load->stalled_thread, NULL, stall, load);
}
