/* SPDX-License-Identifier: MIT */
/*
 * ping_run.c - bcast-ping: all connections, from one thread. See ping.h.
 *
 * One packet and one payload serve all connections, made anew for each send,
 * so that thousands of connections with large packets need memory only for
 * what comes back in parts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "ping.h"

#define EVENTS_MAX  256
#define WINDOW_MAX  65536u
#define EXPIRE_NS   (UINT64_C(20) * 1000000) /* how often to look for losses */
#define RECEIVE_MIN 4096u
#define NS_PER_MS   UINT64_C(1000000)

/* What a run is at. */
struct course {
	uint64_t begun_ns;
	uint64_t next_send_ns;
	uint64_t next_expire_ns;
	unsigned alive;
};

/* ---- Connections ------------------------------------------------------- */

static int greet(const struct ping *ping, const struct ping_conn *conn)
{
	unsigned char bytes[PING_GREETING_MAX];
	size_t size;

	if (!ping->wish->door->greet)
		return 0;
	size = ping->wish->door->greet(bytes);
	return send(conn->fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size
		       ? 0
		       : -EX_UNAVAILABLE;
}

static int open_conn(struct ping *ping, unsigned index)
{
	struct ping_conn *conn = &ping->conns[index];
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};

	conn->room = ping->wish->size + PING_FRAME_EXTRA;
	if (conn->room < RECEIVE_MIN)
		conn->room = RECEIVE_MIN;
	conn->in = malloc(conn->room);
	conn->sent_ns = calloc(ping->window, sizeof(conn->sent_ns[0]));
	if (!conn->in || !conn->sent_ns) {
		fputs(PING_PROGRAM ": no memory for so many connections\n",
		      stderr);
		return -EX_OSERR;
	}
	conn->fd = ping_connect(ping->wish->address, ping->wish->timeout_ms);
	if (conn->fd < 0)
		return conn->fd;
	conn->ready = !ping->wish->door->greet;
	if (epoll_ctl(ping->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) < 0)
		return -EX_OSERR;
	return greet(ping, conn);
}

/* Said once of each; what is under way there is lost. */
static void end_conn(struct ping *ping, struct course *course,
		     struct ping_conn *conn, int error)
{
	if (error != -EPROTO)
		fprintf(stderr, PING_PROGRAM ": %s: %s\n", ping->wish->address,
			error == -ECONNRESET ? "the connection was closed"
					     : strerror(-error));
	(void)close(conn->fd);
	conn->fd = -1;
	ping->totals.broken++;
	course->alive--;
	while (conn->next < conn->begun) {
		conn->next++;
		ping->totals.lost++;
	}
}

static int open_all(struct ping *ping)
{
	const struct ping_wish *wish = ping->wish;
	int ret = 0;

	for (unsigned i = 0; i < wish->connections; i++)
		ping->conns[i].fd = -1;
	for (unsigned i = 0; i < wish->connections && ret == 0; i++) {
		ret = open_conn(ping, i);
		if (*wish->interrupted)
			break;
	}
	return ret;
}

/* ---- Turns ------------------------------------------------------------- */

static bool has_sent_all(const struct ping *ping, const struct ping_conn *conn)
{
	return ping->wish->count > 0 && conn->begun >= ping->wish->count;
}

/* Up to `most` packets. */
static void send_some(struct ping *ping, struct course *course,
		      struct ping_conn *conn, unsigned most)
{
	int ret = 1;

	while (most-- > 0 && ret > 0 && conn->fd >= 0 &&
	       !has_sent_all(ping, conn)) {
		ret = ping_conn_send(ping, conn);
		if (ret < 0)
			end_conn(ping, course, conn, ret);
	}
}

/* Flood: as many as may be under way. */
static void refill(struct ping *ping, struct course *course,
		   struct ping_conn *conn)
{
	uint64_t under_way = conn->begun - conn->next;

	if (under_way < ping->wish->pipeline)
		send_some(ping, course, conn,
			  ping->wish->pipeline - (unsigned)under_way);
}

static void on_event(struct ping *ping, struct course *course,
		     const struct epoll_event *event)
{
	struct ping_conn *conn = &ping->conns[event->data.u32];
	bool was_ready = conn->ready;
	int ret = 0;

	if (conn->fd < 0)
		return;
	if (event->events & ~(uint32_t)EPOLLOUT)
		ret = ping_conn_receive(ping, conn);
	if (ret == 0)
		ret = ping_conn_resume(ping, conn);
	if (ret < 0)
		end_conn(ping, course, conn, ret);
	else if (ping->wish->flood)
		refill(ping, course, conn);
	else if (!was_ready && conn->ready)
		send_some(ping, course, conn, ping->wish->pipeline);
}

static void send_round(struct ping *ping, struct course *course)
{
	for (unsigned i = 0; i < ping->wish->connections; i++) {
		struct ping_conn *conn = &ping->conns[i];

		if (conn->fd >= 0 && conn->ready)
			send_some(ping, course, conn, ping->wish->pipeline);
	}
}

static void expire_all(struct ping *ping, struct course *course,
		       uint64_t now_ns)
{
	for (unsigned i = 0; i < ping->wish->connections; i++) {
		struct ping_conn *conn = &ping->conns[i];

		if (conn->fd < 0)
			continue;
		ping_conn_expire(ping, conn, now_ns);
		if (!conn->ready &&
		    now_ns - course->begun_ns >=
			    (uint64_t)ping->wish->timeout_ms * NS_PER_MS)
			end_conn(ping, course, conn, -ETIMEDOUT);
		else if (ping->wish->flood)
			refill(ping, course, conn);
	}
}

static bool is_done(const struct ping *ping, const struct course *course)
{
	if (*ping->wish->interrupted || course->alive == 0)
		return true;
	for (unsigned i = 0; i < ping->wish->connections; i++) {
		const struct ping_conn *conn = &ping->conns[i];

		if (conn->fd >= 0 &&
		    (!has_sent_all(ping, conn) || conn->next < conn->begun))
			return false;
	}
	return true;
}

static int wait_ms(const struct ping *ping, const struct course *course,
		   uint64_t now_ns)
{
	uint64_t until_ns = course->next_expire_ns;

	if (!ping->wish->flood && course->next_send_ns < until_ns)
		until_ns = course->next_send_ns;
	if (until_ns <= now_ns)
		return 0;
	return (int)((until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void turn(struct ping *ping, struct course *course)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t now_ns = ping_now_ns();
	int count;

	if (!ping->wish->flood && now_ns >= course->next_send_ns) {
		send_round(ping, course);
		course->next_send_ns +=
			(uint64_t)ping->wish->interval_ms * NS_PER_MS;
		if (course->next_send_ns < now_ns)
			course->next_send_ns = now_ns;
	}
	if (now_ns >= course->next_expire_ns) {
		expire_all(ping, course, now_ns);
		course->next_expire_ns = now_ns + EXPIRE_NS;
	}
	count = epoll_wait(ping->epoll_fd, events, EVENTS_MAX,
			   wait_ms(ping, course, now_ns));
	for (int i = 0; i < count; i++)
		on_event(ping, course, &events[i]);
	if (!ping->wish->quiet && count > 0)
		(void)fflush(stdout);
}

/* ---- All of it --------------------------------------------------------- */

static uint64_t choose_window(const struct ping_wish *wish)
{
	uint64_t rounds;

	if (wish->flood)
		return wish->pipeline;
	rounds = (uint64_t)wish->timeout_ms / (uint64_t)wish->interval_ms + 2;
	return rounds < WINDOW_MAX / wish->pipeline ? rounds * wish->pipeline
						    : WINDOW_MAX;
}

static int prepare(struct ping *ping)
{
	const struct ping_wish *wish = ping->wish;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	ping->window = choose_window(wish);
	ping->conns = calloc(wish->connections, sizeof(ping->conns[0]));
	ping->payload = malloc(wish->size);
	ping->expected = malloc(wish->size);
	ping->packet = malloc(wish->size + PING_FRAME_EXTRA);
	ping->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!ping->conns || !ping->payload || !ping->expected ||
	    !ping->packet || ping->epoll_fd < 0) {
		fprintf(stderr, PING_PROGRAM ": %s\n", strerror(errno));
		return EX_OSERR;
	}
	for (size_t i = 0; i < wish->size; i++)
		ping->payload[i] = (unsigned char)(i * 131 + (i >> 8));
	memcpy(ping->expected, ping->payload, wish->size);
	return EX_OK;
}

static void tidy(struct ping *ping)
{
	for (unsigned i = 0; ping->conns && i < ping->wish->connections; i++) {
		if (ping->conns[i].fd >= 0)
			(void)close(ping->conns[i].fd);
		free(ping->conns[i].in);
		free(ping->conns[i].sent_ns);
	}
	free(ping->conns);
	free(ping->payload);
	free(ping->expected);
	free(ping->packet);
	if (ping->epoll_fd >= 0)
		(void)close(ping->epoll_fd);
}

static int judge(const struct ping_totals *totals)
{
	if (totals->wrong > 0)
		return EX_PROTOCOL;
	if (totals->broken > 0)
		return EX_UNAVAILABLE;
	return totals->lost > 0;
}

static void run(struct ping *ping)
{
	struct course course = {
		.begun_ns = ping_now_ns(),
		.alive = ping->wish->connections,
	};

	course.next_send_ns = course.begun_ns;
	if (ping->wish->flood)
		send_round(ping, &course);
	while (!is_done(ping, &course))
		turn(ping, &course);
	ping->totals.seconds = (double)(ping_now_ns() - course.begun_ns) / 1e9;
	/* what is under way when it is interrupted is not lost */
	for (unsigned i = 0; i < ping->wish->connections; i++)
		ping->totals.sent -= ping->conns[i].begun - ping->conns[i].next;
}

int ping_run(const struct ping_wish *wish)
{
	struct ping ping = {.wish = wish, .epoll_fd = -1};
	int code = prepare(&ping);

	if (code == EX_OK)
		code = -open_all(&ping);
	if (code == EX_OK && !*wish->interrupted) {
		run(&ping);
		ping_report_totals(wish, &ping.totals);
		code = judge(&ping.totals);
	}
	tidy(&ping);
	return code;
}
