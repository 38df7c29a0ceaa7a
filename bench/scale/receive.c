/* SPDX-License-Identifier: MIT */
/*
 * receive.c - N receivers on a few threads, each thread with an epoll.
 *
 * A thread each, as in fanout, would be 10,000 stacks and a wake-up for each
 * update and receiver, and what is measured would be the scheduler. One recv()
 * an event, level-triggered: a receiver that has more goes to the end of the
 * kernel's queue, so nobody is served twice before all are served once. The
 * buffer is the thread's: it stays in the cache, and the load costs little.
 */
#include "scale.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define LOOK_MS	   50

struct share {
	struct scale *scale;
	unsigned first, end; /* of the receivers */
	int epoll;
	uint8_t *buffer;
};

static void note_delays(struct scale *scale, unsigned index, uint64_t from,
			uint64_t to)
{
	const size_t message = content_message(&scale->content);
	const uint64_t start = atomic_load(&scale->start_ns);
	const uint64_t end = to / message;
	uint64_t number = from / message;
	uint64_t now;

	if (number == end)
		return;
	now = scale_now_ns();
	for (; number < end && number < scale->updates; number++) {
		uint64_t due = start + number * scale->interval_ns;
		size_t at = number * scale->options.joining.receivers + index;

		scale->delays_us[at] = (float)((double)(now - due) / 1e3);
	}
}

static void take(struct share *share, unsigned index)
{
	struct scale *scale = share->scale;
	struct receiver *one = &scale->receivers[index];
	uint64_t bytes =
		atomic_load_explicit(&one->bytes, memory_order_relaxed);
	ssize_t n = recv(one->fd, share->buffer, scale->options.buffer_bytes,
			 MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		atomic_store(&one->ended, true);
		(void)epoll_ctl(share->epoll, EPOLL_CTL_DEL, one->fd, NULL);
		return;
	}
	if (scale->delays_us != NULL)
		note_delays(scale, index, bytes, bytes + (uint64_t)n);
	/* bytes of a server's own are looked at too: the load is the same */
	if (!scale->options.unchecked &&
	    !content_right(&scale->content, bytes, share->buffer, (size_t)n))
		atomic_store(&one->wrong, true);
	atomic_store_explicit(&one->bytes, bytes + (uint64_t)n,
			      memory_order_relaxed);
}

static void *receive(void *argument)
{
	struct share *share = argument;
	struct epoll_event events[EVENTS_MAX];

	while (!atomic_load(&share->scale->over)) {
		int n = epoll_wait(share->epoll, events, EVENTS_MAX, LOOK_MS);

		for (int i = 0; i < n; i++)
			take(share, events[i].data.u32);
	}
	return NULL;
}

static int watch_all(struct share *share)
{
	share->epoll = epoll_create1(EPOLL_CLOEXEC);
	share->buffer = aligned_alloc(4096, share->scale->options.buffer_bytes);
	if (share->epoll < 0 || share->buffer == NULL)
		return share->epoll < 0 ? -errno : -ENOMEM;
	for (unsigned i = share->first; i < share->end; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

		if (epoll_ctl(share->epoll, EPOLL_CTL_ADD,
			      share->scale->receivers[i].fd, &event) < 0)
			return -errno;
	}
	return 0;
}

int receive_start(struct scale *scale)
{
	static struct share shares[THREADS_MAX];
	const unsigned count = scale->options.joining.receivers;
	const unsigned threads = scale->options.threads;
	int ret = 0;

	for (unsigned i = 0; i < threads && ret == 0; i++) {
		shares[i] = (struct share){.scale = scale,
					   .first = count * i / threads,
					   .end = count * (i + 1) / threads};
		ret = watch_all(&shares[i]);
		if (ret == 0)
			ret = -pthread_create(&scale->receiving[i], NULL,
					      receive, &shares[i]);
	}
	return ret;
}
