/* SPDX-License-Identifier: MIT */
/* ping_conn.c - one connection of bcast-ping. See ping.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "ping.h"

uint64_t ping_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

static unsigned index_of(const struct ping *ping, const struct ping_conn *conn)
{
	return (unsigned)(conn - ping->conns);
}

/* Payloads begin with the number; the rest is there already. */
static void number_payload(unsigned char *payload, uint64_t number)
{
	for (unsigned i = 0; i < PING_NUMBER_BYTES; i++)
		payload[i] = (unsigned char)(number >> 8 * i);
}

static uint64_t number_of(const unsigned char *payload)
{
	uint64_t number = 0;

	for (unsigned i = PING_NUMBER_BYTES; i-- > 0;)
		number = number << 8 | payload[i];
	return number;
}

static uint64_t *sent_at(const struct ping *ping, const struct ping_conn *conn,
			 uint64_t number)
{
	return &conn->sent_ns[number % ping->window];
}

/* ---- Out --------------------------------------------------------------- */

static int watch_room(const struct ping *ping, struct ping_conn *conn,
		      bool wanted)
{
	struct epoll_event event = {
		.events = EPOLLIN | (wanted ? EPOLLOUT : 0),
		.data.u32 = index_of(ping, conn),
	};

	if (conn->waits_for_room == wanted)
		return 0;
	conn->waits_for_room = wanted;
	return epoll_ctl(ping->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) < 0
		       ? -errno
		       : 0;
}

int ping_conn_resume(struct ping *ping, struct ping_conn *conn)
{
	ssize_t sent;
	size_t size;

	if (conn->unsent == 0)
		return watch_room(ping, conn, false);
	/* one packet for all connections: made anew for each call */
	number_payload(ping->payload, conn->begun - 1);
	size = ping->wish->door->make(ping->payload, ping->wish->size,
				      ping->packet);
	sent = send(conn->fd, ping->packet + size - conn->unsent, conn->unsent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return -errno;
	if (sent > 0)
		conn->unsent -= (size_t)sent;
	return watch_room(ping, conn, conn->unsent > 0);
}

int ping_conn_send(struct ping *ping, struct ping_conn *conn)
{
	int ret;

	if (!conn->ready || conn->unsent > 0 ||
	    conn->begun - conn->next >= ping->window)
		return 0;
	*sent_at(ping, conn, conn->begun) = ping_now_ns();
	conn->begun++;
	ping->totals.sent++;
	conn->unsent = ping->wish->door->make(ping->payload, ping->wish->size,
					      ping->packet);
	ret = ping_conn_resume(ping, conn);
	return ret < 0 ? ret : 1;
}

/* ---- In ---------------------------------------------------------------- */

static void lose_up_to(struct ping *ping, struct ping_conn *conn,
		       uint64_t number)
{
	while (conn->next < number) {
		ping_report_lost(ping->wish, index_of(ping, conn), conn->next);
		ping->totals.lost++;
		conn->next++;
	}
}

static void take_answer(struct ping *ping, struct ping_conn *conn,
			const struct ping_answer *answer, uint64_t now_ns)
{
	const struct ping_wish *wish = ping->wish;
	uint64_t number, took_ns;

	if (answer->size != wish->size) {
		ping->totals.wrong++;
		return;
	}
	number = number_of(answer->payload);
	number_payload(ping->expected, number);
	if (number >= conn->begun ||
	    memcmp(answer->payload, ping->expected, wish->size) != 0) {
		ping->totals.wrong++;
		return;
	}
	if (number < conn->next)
		return; /* it has been given up */
	lose_up_to(ping, conn, number);
	took_ns = now_ns - *sent_at(ping, conn, number);
	conn->next++;
	ping->totals.received++;
	ping_spans_add(&ping->totals.spans, took_ns);
	ping_report_answer(wish, index_of(ping, conn), number, took_ns);
}

static int complain(const char *what, const char *text)
{
	fprintf(stderr, PING_PROGRAM ": %s%s\n", what, text);
	return -EPROTO;
}

/* All whole packets. Returns how many bytes they are, or -EPROTO. */
static int take_packets(struct ping *ping, struct ping_conn *conn,
			uint64_t now_ns)
{
	struct ping_answer answer = {0};
	size_t at = 0;
	int size;

	while ((size = ping->wish->door->take(conn->in + at, conn->have - at,
					      &answer)) > 0) {
		at += (size_t)size;
		switch (answer.kind) {
		case PING_NOTHING:
			break;
		case PING_READY:
			conn->ready = true;
			break;
		case PING_ANSWER:
			take_answer(ping, conn, &answer, now_ns);
			break;
		case PING_REFUSED:
			return complain("refused, ", answer.text);
		}
	}
	if (size < 0)
		return complain("what answers does not speak the protocol ",
				ping->wish->door->name);
	return (int)at;
}

int ping_conn_receive(struct ping *ping, struct ping_conn *conn)
{
	ssize_t count = recv(conn->fd, conn->in + conn->have,
			     conn->room - conn->have, MSG_DONTWAIT);
	int used;

	if (count < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (count == 0)
		return -ECONNRESET;
	conn->have += (size_t)count;
	used = take_packets(ping, conn, ping_now_ns());
	if (used < 0)
		return used;
	conn->have -= (size_t)used;
	memmove(conn->in, conn->in + used, conn->have);
	/* what does not fit is larger than anything that was sent */
	return conn->have < conn->room
		       ? 0
		       : complain("what answers does not speak the protocol ",
				  ping->wish->door->name);
}

void ping_conn_expire(struct ping *ping, struct ping_conn *conn,
		      uint64_t now_ns)
{
	uint64_t timeout_ns = (uint64_t)ping->wish->timeout_ms * 1000000;

	while (conn->next < conn->begun &&
	       now_ns >= *sent_at(ping, conn, conn->next) + timeout_ns)
		lose_up_to(ping, conn, conn->next + 1);
}
