/* SPDX-License-Identifier: MIT */
/*
 * limit.c - the bare limit: a send loop from memory to all who connect.
 *
 * No ingest, no ring, no protocol: one thread that has the bytes already. What
 * it reaches with N receivers is what a one-thread server cannot exceed on
 * this machine, and the yardstick for bcastd.
 *
 * Two methods, measured side by side with 16 receivers on 2 cores (Linux 6.18,
 * Zen 4, cubic, medians of 4 rounds; Gbit/s, and CPU s/Gbit of this process):
 *
 *	memory	io_uring, one SEND in	epoll, level-triggered,
 *		flight per socket	send() at each event
 *	hot	62.3	0.0151		56.4	0.0176
 *	walk	54.6	0.0173		53.6	0.0185
 *
 * io_uring is the faster and the default: a send that has room is done within
 * the submit, many per system call, and its socket is not asked about again.
 * `hot` sends one 1 MiB buffer again and again, `walk` goes through 256 MiB as
 * a ring would. Chunks of 512 KiB gave 0.85 of 1 MiB, 2 MiB the same as 1 MiB.
 * SO_SNDBUF below 512 KiB costs throughput, above it makes no difference.
 *
 * With --every it sends one chunk to all at that pace instead: the least that
 * a delivery can cost.
 */
#include "socket.h"

#include <errno.h>
#include <getopt.h>
#include <liburing.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 16384u
#define CHUNK_BYTES	((size_t)1 << 20)
#define WALK_BYTES	((size_t)256 << 20)
#define RING_ENTRIES	1024u
#define EVENTS_MAX	256

/* user_data of an accept; a connection's is its own address. */
#define ACCEPT_DATA NULL

struct connection {
	int fd;	   /* -1: free */
	bool busy; /* io_uring: a send is in flight */
	size_t offset;
};

struct limit {
	int listener;
	const uint8_t *memory;
	size_t memory_bytes; /* CHUNK_BYTES (hot) or WALK_BYTES */
	size_t chunk_bytes;
	uint64_t every_ns; /* 0: all the time */
	uint64_t due_ns;
	unsigned first_free; /* none before it */
	unsigned end;	     /* none from here on */
	struct connection connections[CONNECTIONS_MAX];
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static struct connection *take(struct limit *limit, int fd)
{
	for (unsigned i = limit->first_free; i < CONNECTIONS_MAX; i++) {
		struct connection *one = &limit->connections[i];

		if (one->fd >= 0)
			continue;
		*one = (struct connection){.fd = fd};
		limit->first_free = i + 1;
		if (i >= limit->end)
			limit->end = i + 1;
		return one;
	}
	(void)close(fd);
	return NULL;
}

static void drop(struct limit *limit, struct connection *one)
{
	const unsigned index = (unsigned)(one - limit->connections);

	(void)close(one->fd);
	one->fd = -1;
	if (index < limit->first_free)
		limit->first_free = index;
}

/* The next piece for one: from its offset, not past the end of memory. */
static size_t piece(const struct limit *limit, const struct connection *one)
{
	const size_t left = limit->memory_bytes - one->offset;

	return left < limit->chunk_bytes ? left : limit->chunk_bytes;
}

static void advance(const struct limit *limit, struct connection *one, size_t n)
{
	one->offset += n;
	if (one->offset == limit->memory_bytes)
		one->offset = 0;
}

/* Whether the next chunk is due. */
static bool due(struct limit *limit, uint64_t now_ns)
{
	if (limit->every_ns == 0 || now_ns < limit->due_ns)
		return false;
	limit->due_ns += limit->every_ns;
	return true;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Until the next chunk is due; a second without a pace. */
static uint64_t wait_ns(const struct limit *limit)
{
	const uint64_t now = now_ns();

	if (limit->every_ns == 0)
		return 1000000000u;
	return limit->due_ns > now ? limit->due_ns - now : 0;
}

/* ---- epoll ------------------------------------------------------------- */

static void epoll_accept(struct limit *limit, int epoll)
{
	int fd = accept4(limit->listener, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct epoll_event event = {.events =
					    limit->every_ns > 0 ? 0 : EPOLLOUT};

	if (fd < 0)
		return;
	event.data.ptr = take(limit, fd);
	if (event.data.ptr != NULL)
		(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void epoll_send(struct limit *limit, struct connection *one)
{
	ssize_t n = send(one->fd, limit->memory + one->offset,
			 piece(limit, one), MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		advance(limit, one, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		drop(limit, one);
}

static void epoll_tick(struct limit *limit)
{
	if (!due(limit, now_ns()))
		return;
	for (unsigned i = 0; i < limit->end; i++)
		if (limit->connections[i].fd >= 0)
			epoll_send(limit, &limit->connections[i]);
}

static int run_epoll(struct limit *limit)
{
	struct epoll_event events[EVENTS_MAX];
	struct epoll_event listener = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, limit->listener, &listener) < 0)
		return -errno;
	while (!stopped) {
		const uint64_t wait = wait_ns(limit);
		const struct timespec timeout = {
			.tv_sec = (time_t)(wait / 1000000000u),
			.tv_nsec = (long)(wait % 1000000000u)};
		int n = epoll_pwait2(epoll, events, EVENTS_MAX, &timeout, NULL);

		epoll_tick(limit);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				epoll_accept(limit, epoll);
			else
				epoll_send(limit, events[i].data.ptr);
		}
	}
	(void)close(epoll);
	return 0;
}

/* ---- io_uring ---------------------------------------------------------- */

static struct io_uring_sqe *uring_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	while (sqe == NULL) {
		(void)io_uring_submit(ring);
		sqe = io_uring_get_sqe(ring);
	}
	return sqe;
}

static void uring_accept(const struct limit *limit, struct io_uring *ring)
{
	struct io_uring_sqe *sqe = uring_sqe(ring);

	io_uring_prep_multishot_accept(sqe, limit->listener, NULL, NULL,
				       SOCK_CLOEXEC);
	io_uring_sqe_set_data(sqe, ACCEPT_DATA);
}

static void uring_send(const struct limit *limit, struct io_uring *ring,
		       struct connection *one)
{
	struct io_uring_sqe *sqe = uring_sqe(ring);

	io_uring_prep_send(sqe, one->fd, limit->memory + one->offset,
			   piece(limit, one), 0);
	io_uring_sqe_set_data(sqe, one);
	one->busy = true;
}

static void uring_tick(struct limit *limit, struct io_uring *ring)
{
	if (!due(limit, now_ns()))
		return;
	for (unsigned i = 0; i < limit->end; i++) {
		struct connection *one = &limit->connections[i];

		if (one->fd >= 0 && !one->busy)
			uring_send(limit, ring, one);
	}
}

static void uring_complete(struct limit *limit, struct io_uring *ring,
			   const struct io_uring_cqe *cqe)
{
	struct connection *one = io_uring_cqe_get_data(cqe);

	if (one == ACCEPT_DATA) {
		if (cqe->res >= 0) {
			one = take(limit, cqe->res);
			if (one != NULL && limit->every_ns == 0)
				uring_send(limit, ring, one);
		}
		if (!(cqe->flags & IORING_CQE_F_MORE))
			uring_accept(limit, ring);
		return;
	}
	one->busy = false;
	if (cqe->res <= 0 && cqe->res != -EAGAIN && cqe->res != -EINTR) {
		drop(limit, one);
		return;
	}
	if (cqe->res > 0)
		advance(limit, one, (size_t)cqe->res);
	if (limit->every_ns == 0)
		uring_send(limit, ring, one);
}

static int uring_wait(const struct limit *limit, struct io_uring *ring)
{
	const uint64_t wait = wait_ns(limit);
	struct __kernel_timespec timeout = {
		.tv_sec = (int64_t)(wait / 1000000000u),
		.tv_nsec = (int64_t)(wait % 1000000000u)};
	struct io_uring_cqe *cqe;

	if (limit->every_ns == 0)
		return io_uring_submit_and_wait(ring, 1);
	return io_uring_submit_and_wait_timeout(ring, &cqe, 1, &timeout, NULL);
}

static int run_uring(struct limit *limit)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_CQSIZE,
		/* one event for everybody, and none waits in a list */
		.cq_entries = 2 * CONNECTIONS_MAX,
	};
	struct io_uring ring;
	int ret = io_uring_queue_init_params(RING_ENTRIES, &ring, &params);

	if (ret < 0)
		return ret;
	uring_accept(limit, &ring);
	while (!stopped) {
		struct io_uring_cqe *cqe;
		unsigned head;
		unsigned count = 0;

		ret = uring_wait(limit, &ring);
		if (ret < 0 && ret != -EINTR && ret != -ETIME)
			break;
		uring_tick(limit, &ring);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			uring_complete(limit, &ring, cqe);
			count++;
		}
		io_uring_cq_advance(&ring, count);
	}
	io_uring_queue_exit(&ring);
	return stopped ? 0 : ret;
}

/* ------------------------------------------------------------------------ */

static const char usage_text[] =
	"usage: bench_fanout_limit [--listen H:P] [--method epoll|io_uring]\n"
	"           [--memory hot|walk] [--chunk SIZE] [--congestion NAME] "
	"[--sndbuf SIZE]\n"
	"           [--every US]\n"
	"Sends from memory to all who connect, until SIGTERM.\n";

static const struct option option_table[] = {
	{"listen", required_argument, NULL, 'l'},
	{"method", required_argument, NULL, 'm'},
	{"memory", required_argument, NULL, 'w'},
	{"chunk", required_argument, NULL, 'k'},
	{"congestion", required_argument, NULL, 'c'},
	{"sndbuf", required_argument, NULL, 's'},
	{"every", required_argument, NULL, 'e'},
	{NULL, 0, NULL, 0},
};

static int fill(struct limit *limit)
{
	uint8_t *memory =
		mmap(NULL, limit->memory_bytes, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < limit->memory_bytes; i++)
		memory[i] = (uint8_t)(i * 7 + (i >> 20));
	limit->memory = memory;
	return 0;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = stop};

	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
}

struct choice {
	const char *address;
	const char *method;
	const char *memory;
	const char *congestion;
	size_t chunk_bytes;
	size_t sndbuf_bytes; /* 0: the system's choice */
	uint64_t every_us;
};

static bool sound(const struct choice *choice)
{
	return (strcmp(choice->method, "epoll") == 0 ||
		strcmp(choice->method, "io_uring") == 0) &&
	       (strcmp(choice->memory, "hot") == 0 ||
		strcmp(choice->memory, "walk") == 0) &&
	       choice->chunk_bytes >= (choice->every_us > 0 ? 8 : 4096) &&
	       choice->chunk_bytes <= WALK_BYTES;
}

static int serve(const struct choice *choice)
{
	static struct limit limit;
	int ret;

	limit.chunk_bytes = choice->chunk_bytes;
	limit.memory_bytes = strcmp(choice->memory, "hot") == 0
				     ? choice->chunk_bytes
				     : WALK_BYTES;
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		limit.connections[i].fd = -1;
	limit.every_ns = choice->every_us * 1000;
	limit.due_ns = now_ns();
	ret = fill(&limit);
	if (ret < 0)
		return ret;
	catch_signals();
	limit.listener =
		socket_listen(choice->address, choice->congestion, "egress");
	if (limit.listener < 0)
		return limit.listener;
	if (choice->sndbuf_bytes > 0) {
		int size = (int)choice->sndbuf_bytes;

		if (setsockopt(limit.listener, SOL_SOCKET, SO_SNDBUF, &size,
			       sizeof(size)) < 0)
			return -errno;
	}
	return strcmp(choice->method, "epoll") == 0 ? run_epoll(&limit)
						    : run_uring(&limit);
}

int main(int argc, char **argv)
{
	struct choice choice = {.address = "127.0.0.1:0",
				.method = "io_uring",
				.memory = "hot",
				.chunk_bytes = CHUNK_BYTES};
	int letter;
	int ret;

	while ((letter = getopt_long(argc, argv, "", option_table, NULL)) !=
	       -1) {
		if (letter == 'l')
			choice.address = optarg;
		else if (letter == 'm')
			choice.method = optarg;
		else if (letter == 'w')
			choice.memory = optarg;
		else if (letter == 'c')
			choice.congestion = optarg;
		else if (letter == 's')
			choice.sndbuf_bytes = socket_size(optarg);
		else if (letter == 'e')
			choice.every_us = strtoull(optarg, NULL, 10);
		else
			choice.chunk_bytes =
				letter == 'k' ? socket_size(optarg) : 0;
	}
	if (optind != argc || !sound(&choice)) {
		(void)fputs(usage_text, stderr);
		return 64;
	}
	ret = serve(&choice);
	if (ret < 0)
		(void)fprintf(stderr, "bench_fanout_limit: %s\n",
			      strerror(-ret));
	return ret < 0 ? 1 : 0;
}
