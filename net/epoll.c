/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - the epoll backend, for where io_uring is forbidden or missing.
 *
 * This is the interface and the sleep; what happens to a request is told in
 * epoll_run.h. What needs no event (a wake) is done when asked for, and the
 * wait for a word is a thread's (word_watch.h).
 *
 * A wait tries what was queued, then takes what the kernel tells, also when
 * there are events already, so that nobody who is parked has to stand back
 * behind those whose requests always succeed. It takes as much as fits the
 * caller's array.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "net/epoll_run.h"
#include "net/signal_gap.h"
#include "shm/assert.h"
#include "shm/clock.h"
#include "shm/notify.h"

#define READY_MAX	  256
#define REQUESTS_PER_PEER 6u	 /* send, watch, receive, a cancel of each */
#define REQUESTS_OTHER	  16384u /* 4096 nodes, listeners, and cancels */

static struct bc_epoll *epoll_of(struct bc_backend *backend)
{
	return (struct bc_epoll *)backend;
}

static int enqueue(struct bc_epoll *epoll,
		   const struct bc_epoll_request *request)
{
	uint32_t index = bc_epoll_table_take(&epoll->table);

	if (index == BC_EPOLL_NONE) {
		/* cancels give their slots back */
		bc_epoll_run_queue(epoll);
		index = bc_epoll_table_take(&epoll->table);
	}
	if (index == BC_EPOLL_NONE)
		return -EBUSY;
	epoll->table.requests[index] = *request;
	bc_epoll_list_push(&epoll->table, &epoll->queue, index);
	return 0;
}

/* ---- Requests ---------------------------------------------------------- */

static int epoll_accept(struct bc_backend *backend, int fd, uint64_t token)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && (flags & O_NONBLOCK) == 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return enqueue(epoll_of(backend), &(struct bc_epoll_request){
						  .token = token,
						  .fd = fd,
						  .kind = BC_EPOLL_ACCEPT,
					  });
}

static int epoll_recv(struct bc_backend *backend, int fd, void *buffer,
		      size_t size, int flags, uint64_t token)
{
	return enqueue(epoll_of(backend), &(struct bc_epoll_request){
						  .token = token,
						  .into = buffer,
						  .size = size,
						  .fd = fd,
						  .kind = BC_EPOLL_RECV,
						  .flags = flags,
					  });
}

static int epoll_recv_each(struct bc_backend *backend, int fd, uint64_t token)
{
	return enqueue(epoll_of(backend), &(struct bc_epoll_request){
						  .token = token,
						  .fd = fd,
						  .kind = BC_EPOLL_RECV_EACH,
					  });
}

static int epoll_send(struct bc_backend *backend, int fd, const void *bytes,
		      size_t size, uint64_t token)
{
	return enqueue(epoll_of(backend), &(struct bc_epoll_request){
						  .token = token,
						  .from = bytes,
						  .size = size,
						  .fd = fd,
						  .kind = BC_EPOLL_SEND,
					  });
}

static int epoll_poll(struct bc_backend *backend, int fd, uint64_t token)
{
	return enqueue(epoll_of(backend), &(struct bc_epoll_request){
						  .token = token,
						  .fd = fd,
						  .kind = BC_EPOLL_POLL,
					  });
}

static int epoll_cancel(struct bc_backend *backend, uint64_t token)
{
	return enqueue(epoll_of(backend), &(struct bc_epoll_request){
						  .token = token,
						  .kind = BC_EPOLL_CANCEL,
					  });
}

/* Else each edge would wake us as well as who has it now. */
static void epoll_forget(struct bc_backend *backend, int fd)
{
	(void)epoll_ctl(epoll_of(backend)->fd, EPOLL_CTL_DEL, fd, NULL);
}

static int epoll_wake(struct bc_backend *backend, const bc_u32 *word)
{
	(void)backend;
	(void)bc_notify_wake(word);
	return 0;
}

static int epoll_wait_word(struct bc_backend *backend, const bc_u32 *word,
			   uint32_t seen, uint64_t token)
{
	struct bc_epoll *epoll = epoll_of(backend);
	int ret;

	BC_ASSERT(!epoll->word);
	BC_ASSERT(token != 0);
	ret = enqueue(epoll, &(struct bc_epoll_request){
				     .token = token,
				     .fd = bc_word_watch_fd(&epoll->watch),
				     .kind = BC_EPOLL_WORD,
			     });
	if (ret < 0)
		return ret;
	epoll->word = word;
	epoll->word_seen = seen;
	return 0;
}

/* ---- Wait -------------------------------------------------------------- */

/* What was lent with the last wait's events comes back. */
static void take_back(struct bc_epoll *epoll)
{
	while (epoll->lent_count > 0)
		epoll->pool_free[epoll->free_count++] =
			epoll->pool_lent[--epoll->lent_count];
}

static int sleep_coarse(struct bc_epoll *epoll, struct epoll_event *ready,
			int max, int64_t timeout_ns, const sigset_t *mask)
{
	int64_t ms = (timeout_ns + BC_NS_PER_MS - 1) / BC_NS_PER_MS;

	return epoll_pwait(epoll->fd, ready, max,
			   ms > INT_MAX ? INT_MAX : (int)ms, mask);
}

/* Returns how many are ready, or -errno. */
static int sleep_until_ready(struct bc_epoll *epoll, struct epoll_event *ready,
			     int max, int64_t timeout_ns, const sigset_t *mask)
{
	const struct timespec timeout = {
		.tv_sec = timeout_ns / BC_NS_PER_S,
		.tv_nsec = timeout_ns % BC_NS_PER_S,
	};
	int count = -1;

	if (!epoll->coarse) {
		count = epoll_pwait2(epoll->fd, ready, max, &timeout, mask);
		/* before Linux 5.11, or a filter that does not know it */
		epoll->coarse =
			count < 0 && (errno == ENOSYS || errno == EPERM);
	}
	if (epoll->coarse)
		count = sleep_coarse(epoll, ready, max, timeout_ns, mask);
	return count < 0 ? -errno : count;
}

/* Returns > 0 if something was ready, though maybe nothing came of it. */
static int look(struct bc_epoll *epoll, unsigned max, int64_t timeout_ns,
		const sigset_t *mask)
{
	struct epoll_event ready[READY_MAX];
	int count = sleep_until_ready(epoll, ready,
				      max < READY_MAX ? (int)max : READY_MAX,
				      timeout_ns, mask);

	for (int i = 0; i < count; i++)
		bc_epoll_run_ready(epoll, ready[i].data.fd, ready[i].events);
	return count;
}

static int epoll_backend_wait(struct bc_backend *backend,
			      struct bc_event *events, unsigned max,
			      int64_t timeout_ns, const sigset_t *mask)
{
	struct bc_epoll *epoll = epoll_of(backend);
	uint64_t now_ns = bc_monotonic_ns();
	uint64_t end_ns = now_ns + (uint64_t)timeout_ns;
	int ret;

	take_back(epoll);
	bc_epoll_run_sweep(epoll, now_ns);
	bc_epoll_run_again(epoll);
	bc_epoll_run_queue(epoll);
	if (!bc_epoll_list_is_empty(&epoll->done) ||
	    epoll->again != BC_EPOLL_NOBODY)
		timeout_ns = 0;
	for (;;) {
		ret = look(epoll, max, timeout_ns, mask);
		if (ret < 0 && ret != -EINTR)
			return ret;
		if (!bc_epoll_list_is_empty(&epoll->done))
			bc_signal_gap(&epoll->busy_waits, mask);
		else if (ret > 0 && timeout_ns > 0) {
			/* of no use to anybody: sleep on */
			now_ns = bc_monotonic_ns();
			timeout_ns = now_ns < end_ns
					     ? (int64_t)(end_ns - now_ns)
					     : 0;
			continue;
		}
		return bc_epoll_run_deliver(epoll, events, max);
	}
}

/* ---- Open and close ---------------------------------------------------- */

static void epoll_close(struct bc_backend *backend)
{
	struct bc_epoll *epoll = epoll_of(backend);

	bc_word_watch_close(&epoll->watch);
	(void)close(epoll->fd);
	bc_epoll_table_fini(&epoll->table);
	free(epoll->pool);
	free(epoll);
}

static const struct bc_backend_ops epoll_ops = {
	.name = "epoll",
	.accept = epoll_accept,
	.recv = epoll_recv,
	.recv_each = epoll_recv_each,
	.send = epoll_send,
	.poll = epoll_poll,
	.cancel = epoll_cancel,
	.forget = epoll_forget,
	.wake = epoll_wake,
	.wait_word = epoll_wait_word,
	.wait = epoll_backend_wait,
	.close = epoll_close,
};

static int init_memory(struct bc_epoll *epoll, unsigned connections)
{
	uint64_t requests =
		(uint64_t)connections * REQUESTS_PER_PEER + REQUESTS_OTHER;

	epoll->again = BC_EPOLL_NOBODY;
	epoll->queue = bc_epoll_list_empty();
	epoll->done = bc_epoll_list_empty();
	epoll->free_count = BC_EPOLL_POOL_BUFFERS;
	for (unsigned i = 0; i < BC_EPOLL_POOL_BUFFERS; i++)
		epoll->pool_free[i] = (uint8_t)i;
	epoll->pool =
		malloc((size_t)BC_EPOLL_POOL_BUFFERS * BC_BACKEND_EACH_STRIDE);
	if (!epoll->pool || requests > UINT32_MAX / 2)
		return -ENOMEM;
	return bc_epoll_table_init(&epoll->table, (uint32_t)requests);
}

static int init(struct bc_epoll *epoll, unsigned connections)
{
	int ret = init_memory(epoll, connections);

	if (ret < 0)
		return ret;
	epoll->fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll->fd < 0)
		return -errno;
	ret = bc_word_watch_open(&epoll->watch);
	if (ret < 0)
		(void)close(epoll->fd);
	return ret;
}

int bc_epoll_open(struct bc_backend **backend, unsigned connections,
		  unsigned flags, char *why, size_t why_size)
{
	struct bc_epoll *epoll = calloc(1, sizeof(*epoll));
	int ret = -ENOMEM;

	if (epoll) {
		epoll->backend.ops = &epoll_ops;
		epoll->coarse = (flags & BC_EPOLL_COARSE) != 0;
		ret = init(epoll, connections);
	}
	if (ret == 0) {
		*backend = &epoll->backend;
		return 0;
	}
	snprintf(why, why_size, "epoll cannot be set up: %s", strerror(-ret));
	if (epoll) {
		bc_epoll_table_fini(&epoll->table);
		free(epoll->pool);
	}
	free(epoll);
	return ret;
}
