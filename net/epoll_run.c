/* SPDX-License-Identifier: MIT */
/* epoll_run.c - see epoll_run.h. */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "net/epoll_run.h"
#include "shm/assert.h"
#include "shm/clock.h"

#define ACCEPTS_AT_ONCE	  64
#define RECVS_AT_ONCE	  4
#define SWEEP_DESCRIPTORS 256
#define SWEEP_PAUSE_NS	  (100 * (uint64_t)BC_NS_PER_MS)

static struct bc_epoll_request *at(struct bc_epoll *epoll, uint32_t index)
{
	return &epoll->table.requests[index];
}

/* ---- The ends of requests ---------------------------------------------- */

static void finish(struct bc_epoll *epoll, uint32_t index, int32_t result)
{
	struct bc_epoll_request *request = at(epoll, index);

	if (request->kind == BC_EPOLL_WORD && epoll->word) {
		/* it may be unmapped once the caller knows */
		(void)bc_word_watch_disarm(&epoll->watch);
		epoll->word = NULL;
	}
	request->result = result;
	request->flags = 0;
	request->into = NULL;
	bc_epoll_list_push(&epoll->table, &epoll->done, index);
}

/* An event of a request that goes on, in a slot that was taken for it. */
static void post_more(struct bc_epoll *epoll, uint32_t slot, uint64_t token,
		      int32_t result, void *bytes)
{
	*at(epoll, slot) = (struct bc_epoll_request){
		.token = token,
		.into = bytes,
		.result = result,
		.flags = (int)BC_EVENT_MORE,
	};
	bc_epoll_list_push(&epoll->table, &epoll->done, slot);
}

/* Have another look at it in the next wait. */
static void look_again(struct bc_epoll *epoll, int fd)
{
	struct bc_epoll_descriptor *descriptor =
		bc_epoll_table_descriptor(&epoll->table, fd);

	if (descriptor->again)
		return;
	descriptor->again = true;
	descriptor->next_again = epoll->again;
	epoll->again = fd;
}

/* ---- The calls, none of which blocks ----------------------------------- */

static int32_t poll_now(int fd)
{
	struct pollfd ask = {.fd = fd, .events = POLLIN};
	int ret = poll(&ask, 1, 0);

	if (ret < 0)
		return -errno;
	if (ask.revents & POLLNVAL)
		return -EBADF;
	return ret == 0 ? -EAGAIN : ask.revents;
}

static bool is_passing(int error)
{
	return error == ECONNABORTED || error == EINTR || error == EPROTO;
}

/* Returns what ended it, or -EAGAIN: it goes on. */
static int32_t accept_some(struct bc_epoll *epoll, uint32_t index)
{
	uint64_t token = at(epoll, index)->token;
	int listener = at(epoll, index)->fd;

	for (unsigned i = 0; i < ACCEPTS_AT_ONCE; i++) {
		uint32_t slot = bc_epoll_table_take(&epoll->table);
		int fd;

		if (slot == BC_EPOLL_NONE)
			break;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			post_more(epoll, slot, token, fd, NULL);
			continue;
		}
		bc_epoll_table_release(&epoll->table, slot);
		if (!is_passing(errno))
			return -errno;
	}
	look_again(epoll, listener);
	return -EAGAIN;
}

static unsigned char *buffer_of(struct bc_epoll *epoll, unsigned number)
{
	return epoll->pool + (size_t)number * BC_BACKEND_EACH_STRIDE;
}

static int32_t recv_some(struct bc_epoll *epoll, uint32_t index)
{
	uint64_t token = at(epoll, index)->token;
	int fd = at(epoll, index)->fd;

	for (unsigned i = 0; i < RECVS_AT_ONCE; i++) {
		unsigned char *buffer;
		ssize_t count;
		uint32_t slot;

		if (epoll->free_count == 0)
			return -ENOBUFS;
		slot = bc_epoll_table_take(&epoll->table);
		if (slot == BC_EPOLL_NONE)
			return -ENOBUFS;
		buffer = buffer_of(epoll,
				   epoll->pool_free[epoll->free_count - 1]);
		count = recv(fd, buffer, BC_BACKEND_EACH_BYTES, MSG_DONTWAIT);
		if (count <= 0) {
			bc_epoll_table_release(&epoll->table, slot);
			return count < 0 ? -errno : 0;
		}
		epoll->free_count--;
		post_more(epoll, slot, token, (int32_t)count, buffer);
		if (epoll->short_is_all && count < BC_BACKEND_EACH_BYTES)
			return -EAGAIN;
	}
	look_again(epoll, fd);
	return -EAGAIN;
}

/* Returns what ended the request, or -EAGAIN: to be parked, or to stay. */
static int32_t attempt(struct bc_epoll *epoll, uint32_t index)
{
	const struct bc_epoll_request *request = at(epoll, index);
	ssize_t count = 0;

	switch (request->kind) {
	case BC_EPOLL_ACCEPT:
		return accept_some(epoll, index);
	case BC_EPOLL_RECV_EACH:
		return recv_some(epoll, index);
	case BC_EPOLL_POLL:
		return poll_now(request->fd);
	case BC_EPOLL_SEND:
		count = send(request->fd, request->from, request->size,
			     MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case BC_EPOLL_RECV:
		count = recv(request->fd, request->into, request->size,
			     request->flags | MSG_DONTWAIT);
		break;
	case BC_EPOLL_WORD:   /* the thread has told */
	case BC_EPOLL_CANCEL: /* is never here */
		break;
	}
	return count < 0 ? -errno : (int32_t)count;
}

/* ---- Parked ones ------------------------------------------------------- */

static int watch_descriptor(struct bc_epoll *epoll, int fd)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.fd = fd,
	};

	if (epoll_ctl(epoll->fd, EPOLL_CTL_ADD, fd, &event) == 0 ||
	    errno == EEXIST)
		return 0;
	return -errno;
}

/* An edge between the try and this is told of: it is asked for what is now. */
static void park(struct bc_epoll *epoll, uint32_t index)
{
	int fd = at(epoll, index)->fd;
	const struct bc_epoll_descriptor *there =
		bc_epoll_table_descriptor(&epoll->table, fd);
	int ret = 0;

	if (bc_epoll_list_is_empty(&there->readers) &&
	    bc_epoll_list_is_empty(&there->writers))
		ret = watch_descriptor(epoll, fd);
	if (ret < 0)
		finish(epoll, index, ret);
	else
		bc_epoll_table_park(&epoll->table, index);
}

static void unpark(struct bc_epoll *epoll, uint32_t index, int32_t result)
{
	bc_epoll_table_unpark(&epoll->table, index);
	finish(epoll, index, result);
}

static void retry_all(struct bc_epoll *epoll, const struct bc_epoll_list *list)
{
	uint32_t index = list->head;

	while (index != BC_EPOLL_NONE) {
		uint32_t next = at(epoll, index)->next;
		int32_t result = attempt(epoll, index);

		if (result != -EAGAIN)
			unpark(epoll, index, result);
		index = next;
	}
}

void bc_epoll_run_ready(struct bc_epoll *epoll, int fd, uint32_t events)
{
	const struct bc_epoll_descriptor *descriptor =
		bc_epoll_table_descriptor(&epoll->table, fd);

	/* what comes from now on, and the peer's end, is another edge */
	epoll->short_is_all =
		(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0;
	if (events & ~(uint32_t)EPOLLOUT)
		retry_all(epoll, &descriptor->readers);
	epoll->short_is_all = false;
	if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		retry_all(epoll, &descriptor->writers);
}

void bc_epoll_run_again(struct bc_epoll *epoll)
{
	int fd = epoll->again;

	epoll->again = BC_EPOLL_NOBODY;
	while (fd != BC_EPOLL_NOBODY) {
		struct bc_epoll_descriptor *descriptor =
			bc_epoll_table_descriptor(&epoll->table, fd);
		int next = descriptor->next_again;

		descriptor->again = false;
		retry_all(epoll, &descriptor->readers);
		fd = next;
	}
}

void bc_epoll_run_sweep(struct bc_epoll *epoll, uint64_t now_ns)
{
	int count = epoll->table.descriptor_count;

	if (now_ns < epoll->next_sweep_ns)
		return;
	epoll->next_sweep_ns = now_ns + SWEEP_PAUSE_NS;
	for (int i = 0; i < SWEEP_DESCRIPTORS && i < count; i++) {
		if (epoll->sweep_at >= count)
			epoll->sweep_at = 0;
		retry_all(epoll,
			  &epoll->table.descriptors[epoll->sweep_at++].writers);
	}
}

/* ---- The queue --------------------------------------------------------- */

static void start_word(struct bc_epoll *epoll, uint32_t index)
{
	if (atomic_load_explicit(epoll->word, memory_order_acquire) !=
	    epoll->word_seen) {
		epoll->word = NULL;
		finish(epoll, index, 0);
		return;
	}
	bc_word_watch_arm(&epoll->watch, epoll->word, epoll->word_seen, -1);
	park(epoll, index);
}

static void start(struct bc_epoll *epoll, uint32_t index)
{
	struct bc_epoll_table *table = &epoll->table;
	int32_t result;
	uint32_t found;

	if (at(epoll, index)->kind == BC_EPOLL_CANCEL) {
		found = bc_epoll_table_find(table, at(epoll, index)->token);
		bc_epoll_table_release(table, index);
		if (found != BC_EPOLL_NONE)
			unpark(epoll, found, -ECANCELED);
		return;
	}
	result = bc_epoll_table_reserve(table, at(epoll, index)->fd);
	if (result < 0) {
		finish(epoll, index, result);
		return;
	}
	if (at(epoll, index)->kind == BC_EPOLL_WORD) {
		start_word(epoll, index);
		return;
	}
	result = attempt(epoll, index);
	if (result == -EAGAIN)
		park(epoll, index);
	else
		finish(epoll, index, result);
}

void bc_epoll_run_queue(struct bc_epoll *epoll)
{
	uint32_t index;

	while ((index = bc_epoll_list_pop(&epoll->table, &epoll->queue)) !=
	       BC_EPOLL_NONE)
		start(epoll, index);
}

/* ---- Events ------------------------------------------------------------ */

static void lend(struct bc_epoll *epoll, const unsigned char *buffer)
{
	size_t number = (size_t)(buffer - epoll->pool) / BC_BACKEND_EACH_STRIDE;

	BC_ASSERT(epoll->lent_count < BC_EPOLL_POOL_BUFFERS);
	epoll->pool_lent[epoll->lent_count++] = (uint8_t)number;
}

int bc_epoll_run_deliver(struct bc_epoll *epoll, struct bc_event *events,
			 unsigned max)
{
	unsigned count = 0;

	while (count < max && !bc_epoll_list_is_empty(&epoll->done)) {
		uint32_t index = bc_epoll_list_pop(&epoll->table, &epoll->done);
		const struct bc_epoll_request *request = at(epoll, index);

		events[count++] = (struct bc_event){
			.token = request->token,
			.result = request->result,
			.flags = (uint32_t)request->flags,
			.bytes = request->into,
		};
		if (request->into)
			lend(epoll, request->into);
		bc_epoll_table_release(&epoll->table, index);
	}
	return (int)count;
}
