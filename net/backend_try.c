/* SPDX-License-Identifier: MIT */
/*
 * backend_try.c - bc_backend_try(), see backend_open.h.
 *
 * Over AF_UNIX, which needs no port, no address and no loopback that is up.
 * After a failure some request may still be in flight, and the kernel write
 * where it was told to: so the backend is closed before that memory is freed.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/backend_open.h"
#include "shm/clock.h"

#define TRIAL_NS      BC_NS_PER_S
#define TRIAL_BACKLOG 4

enum {
	TOKEN_ACCEPT = 1,
	TOKEN_RECV,
	TOKEN_SEND,
	TOKEN_EACH,
	TOKEN_POLL,
	TOKEN_WORD,
	TOKENS,
};

/* What requests are about, and so has to outlive them. */
struct target {
	bc_u32 word;
	char byte;
};

struct trial {
	struct bc_backend *backend;
	uint64_t end_ns;
	struct target *target;
	int listener;
	int client;
	int server;
	struct bc_event last[TOKENS]; /* token 0: none yet */
};

/* Wait until there was an event with this token; take it. */
static int await(struct trial *trial, uint64_t token, struct bc_event *event)
{
	sigset_t mask;

	(void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
	while (trial->last[token].token == 0) {
		struct bc_event next;
		uint64_t now_ns = bc_monotonic_ns();
		int count = now_ns < trial->end_ns
				    ? bc_backend_wait(
					      trial->backend, &next, 1,
					      (int64_t)(trial->end_ns - now_ns),
					      &mask)
				    : -ETIMEDOUT;

		if (count < 0)
			return count;
		if (count > 0 && next.token < TOKENS)
			trial->last[next.token] = next;
	}
	*event = trial->last[token];
	trial->last[token].token = 0;
	return 0;
}

/* The same, with the result that it must have. */
static int await_result(struct trial *trial, uint64_t token, int32_t result)
{
	struct bc_event event = {0};
	int ret = await(trial, token, &event);

	if (ret < 0)
		return ret;
	if (event.result == result)
		return 0;
	return event.result < 0 ? event.result : -EPROTO;
}

static int send_byte(int fd, char byte)
{
	if (send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

/* ---- The trials -------------------------------------------------------- */

/* An address that the kernel picks: one of the family only. */
static int listen_anywhere(struct trial *trial, struct sockaddr_un *address,
			   socklen_t *length)
{
	const struct sockaddr_un any = {.sun_family = AF_UNIX};
	const int type = SOCK_STREAM | SOCK_CLOEXEC;

	trial->listener = socket(AF_UNIX, type, 0);
	trial->client = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	if (trial->listener < 0 || trial->client < 0)
		return -errno;
	*length = sizeof(*address);
	if (bind(trial->listener, (const struct sockaddr *)&any,
		 sizeof(any.sun_family)) < 0 ||
	    listen(trial->listener, TRIAL_BACKLOG) < 0 ||
	    getsockname(trial->listener, (struct sockaddr *)address, length) <
		    0)
		return -errno;
	return 0;
}

static int try_accept(struct trial *trial)
{
	struct sockaddr_un address;
	struct bc_event event = {0};
	socklen_t length = 0;
	int ret = listen_anywhere(trial, &address, &length);

	if (ret == 0)
		ret = bc_backend_accept(trial->backend, trial->listener,
					TOKEN_ACCEPT);
	if (ret == 0 &&
	    connect(trial->client, (struct sockaddr *)&address, length) < 0)
		ret = -errno;
	if (ret == 0)
		ret = await(trial, TOKEN_ACCEPT, &event);
	if (ret < 0)
		return ret;
	if (event.result < 0)
		return event.result;
	trial->server = event.result;
	return event.flags & BC_EVENT_MORE ? 0 : -EPROTO;
}

static int try_recv(struct trial *trial)
{
	int ret = bc_backend_recv(trial->backend, trial->server,
				  &trial->target->byte, 1, 0, TOKEN_RECV);

	if (ret == 0)
		ret = bc_backend_send(trial->backend, trial->client, "r", 1,
				      TOKEN_SEND);
	if (ret == 0)
		ret = await_result(trial, TOKEN_SEND, 1);
	if (ret == 0)
		ret = await_result(trial, TOKEN_RECV, 1);
	if (ret < 0)
		return ret;
	return trial->target->byte == 'r' ? 0 : -EPROTO;
}

static int try_poll(struct trial *trial)
{
	struct bc_event event = {0};
	int ret = bc_backend_poll(trial->backend, trial->server, TOKEN_POLL);

	if (ret == 0)
		ret = send_byte(trial->client, 'e');
	if (ret == 0)
		ret = await(trial, TOKEN_POLL, &event);
	if (ret < 0)
		return ret;
	return event.result > 0 && (event.result & POLLIN) ? 0 : -EPROTO;
}

/* Gets the byte that the poll was for. */
static int try_recv_each(struct trial *trial)
{
	struct bc_event event = {0};
	int ret =
		bc_backend_recv_each(trial->backend, trial->server, TOKEN_EACH);

	if (ret == 0)
		ret = await(trial, TOKEN_EACH, &event);
	if (ret < 0)
		return ret;
	if (event.result != 1 || (event.flags & BC_EVENT_MORE) == 0)
		return event.result < 0 ? event.result : -EPROTO;
	return *(const char *)event.bytes == 'e' ? 0 : -EPROTO;
}

static int try_word(struct trial *trial)
{
	int ret = bc_backend_wait_word(trial->backend, &trial->target->word, 0,
				       TOKEN_WORD);

	atomic_store_explicit(&trial->target->word, 1, memory_order_release);
	if (ret == 0)
		ret = bc_backend_wake(trial->backend, &trial->target->word);
	return ret == 0 ? await_result(trial, TOKEN_WORD, 0) : ret;
}

/* Ends what still goes on. */
static int try_cancel(struct trial *trial)
{
	int ret = bc_backend_cancel(trial->backend, TOKEN_EACH);

	if (ret == 0)
		ret = bc_backend_cancel(trial->backend, TOKEN_ACCEPT);
	if (ret == 0)
		ret = await_result(trial, TOKEN_EACH, -ECANCELED);
	if (ret == 0)
		ret = await_result(trial, TOKEN_ACCEPT, -ECANCELED);
	return ret;
}

/* ---- All of them ------------------------------------------------------- */

static const struct {
	const char *what;
	int (*run)(struct trial *trial);
} trials[] = {
	{"accept", try_accept},
	{"send and receive", try_recv},
	{"poll", try_poll},
	{"receive into provided buffers", try_recv_each},
	{"futex wait and wake", try_word},
	{"cancel", try_cancel},
};

static void close_sockets(const struct trial *trial)
{
	const int all[] = {trial->listener, trial->client, trial->server};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] >= 0)
			(void)close(all[i]);
}

int bc_backend_try(struct bc_backend *backend, const char **what)
{
	struct trial trial = {
		.backend = backend,
		.end_ns = bc_monotonic_ns() + (uint64_t)TRIAL_NS,
		.listener = -1,
		.client = -1,
		.server = -1,
	};
	int ret = 0;

	*what = "memory";
	trial.target = calloc(1, sizeof(*trial.target));
	if (!trial.target)
		ret = -ENOMEM;
	for (size_t i = 0; ret == 0 && i < sizeof(trials) / sizeof(trials[0]);
	     i++) {
		*what = trials[i].what;
		ret = trials[i].run(&trial);
	}
	close_sockets(&trial);
	if (ret < 0)
		bc_backend_close(backend);
	free(trial.target);
	return ret;
}
