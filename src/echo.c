/* SPDX-License-Identifier: MIT */
/* echo.c - see echo.h. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/peer_socket.h"
#include "net/sockaddr.h"
#include "shm/clock.h"
#include "src/echo.h"
#include "src/echo_conn.h"
#include "src/log.h"

/* Without a refusal for so long, the next one is news again. */
#define QUIET_NS (UINT64_C(10) * (uint64_t)BC_NS_PER_S)

/* ---- Slots ------------------------------------------------------------- */

int echo_start(struct daemon *daemon)
{
	struct echo *echo = &daemon->echo;
	uint32_t count = config_echo_clients(&daemon->config);

	if (count == 0)
		return 0;
	echo->conns = calloc(count, sizeof(echo->conns[0]));
	echo->buffer = malloc(ECHO_BUFFER_BYTES);
	if (!echo->conns || !echo->buffer)
		return -ENOMEM; /* echo_stop() frees */
	echo->count = count;
	/* the first ones first, so that pages of others are never touched */
	for (uint32_t i = count; i-- > 0;) {
		echo->conns[i].next = echo->free;
		echo->free = &echo->conns[i];
	}
	return 0;
}

void echo_stop(struct daemon *daemon)
{
	struct echo *echo = &daemon->echo;

	for (uint32_t i = 0; i < echo->count; i++) {
		if (echo->conns[i].state == ECHO_FREE)
			continue;
		(void)close(echo->conns[i].fd);
		echo_queue_clear(&echo->conns[i].queue, &echo->store);
	}
	echo_store_fini(&echo->store);
	free(echo->buffer);
	free(echo->conns);
	*echo = (struct echo){0};
}

static struct echo_conn *open_slot(struct daemon *daemon, int fd)
{
	struct echo *echo = &daemon->echo;
	struct echo_conn *conn = echo->free;
	uint32_t generation;

	if (!conn)
		return NULL;
	echo->free = conn->next;
	echo->used++;
	generation = conn->generation;
	*conn = (struct echo_conn){
		.fd = fd,
		.generation = generation,
		.state = ECHO_OPEN,
		.large = true, /* until it proves to be small */
	};
	bc_echo_stream_init(&conn->stream,
			    (uint32_t)daemon->config.echo_max_bytes);
	return conn;
}

static void release(struct daemon *daemon, struct echo_conn *conn)
{
	struct echo *echo = &daemon->echo;

	echo_queue_clear(&conn->queue, &echo->store);
	conn->state = ECHO_FREE;
	conn->generation++;
	conn->next = echo->free;
	echo->free = conn;
	echo->used--;
	bc_counter_set(daemon->counters, BC_COUNTER_echo_clients, echo->used);
}

/* ---- The end of one ---------------------------------------------------- */

static const char *reason_name(enum echo_reason reason)
{
	switch (reason) {
	case ECHO_REASON_PEER:
		return "peer";
	case ECHO_REASON_SHUTDOWN:
	case ECHO_REASON_LATE:
		return "shutdown";
	case ECHO_REASON_ERROR:
		return "reset";
	case ECHO_REASON_TYPE:
		return "type";
	case ECHO_REASON_LENGTH:
		return "length";
	case ECHO_REASON_MEMORY:
		return "memory";
	}
	return "unknown";
}

/* What it has not been sent, or should not have sent, is told by a reset. */
static bool is_graceful(enum echo_reason reason)
{
	return reason == ECHO_REASON_PEER || reason == ECHO_REASON_SHUTDOWN;
}

static void close_socket(const struct echo_conn *conn)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (!is_graceful(conn->reason)) {
		(void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now,
				 sizeof(now));
	} else if (!conn->peer_ended) {
		/* what is not read would turn the end into a reset */
		(void)shutdown(conn->fd, SHUT_WR);
		(void)recv(conn->fd, NULL, SIZE_MAX / 2,
			   MSG_TRUNC | MSG_DONTWAIT);
	}
	(void)close(conn->fd);
}

static void settle(struct daemon *daemon, struct echo_conn *conn)
{
	if (conn->receiving || conn->sending)
		return;
	if (conn->state == ECHO_LAST && conn->queue.bytes == 0)
		echo_conn_end(daemon, conn,
			      conn->peer_ended ? ECHO_REASON_PEER
					       : ECHO_REASON_SHUTDOWN,
			      0);
	if (conn->state != ECHO_CLOSING)
		return;
	close_socket(conn);
	release(daemon, conn);
}

static void log_end(const struct echo_conn *conn, enum echo_reason reason,
		    int error)
{
	char peer[BC_SOCKADDR_TEXT_MAX], text[128];

	bc_peer_socket_describe(conn->fd, peer, sizeof(peer));
	if (reason == ECHO_REASON_TYPE || reason == ECHO_REASON_LENGTH)
		log_event(LOG_LEVEL_WARN, "echo_invalid",
			  "peer=%s reason=%s type=%u length=%u", peer,
			  reason_name(reason),
			  bc_echo_stream_type(&conn->stream),
			  bc_echo_stream_length(&conn->stream));
	else
		log_event(conn->dropped > 0 || reason == ECHO_REASON_MEMORY
				  ? LOG_LEVEL_WARN
				  : LOG_LEVEL_DEBUG,
			  "echo_left",
			  "peer=%s reason=%s error=%s dropped=%llu", peer,
			  reason_name(reason),
			  error == 0 ? "none"
				     : log_quote(strerror(-error), text,
						 sizeof(text)),
			  (unsigned long long)conn->dropped);
}

static void cancel(struct daemon *daemon, const struct echo_conn *conn,
		   enum bc_op op)
{
	(void)bc_backend_cancel(daemon->backend,
				echo_conn_token(daemon, conn, op));
}

void echo_conn_end(struct daemon *daemon, struct echo_conn *conn,
		   enum echo_reason reason, int error)
{
	if (conn->state == ECHO_CLOSING)
		return;
	if (reason == ECHO_REASON_TYPE || reason == ECHO_REASON_LENGTH)
		bc_tally_add(&daemon->home.tally, BC_COUNTER_echo_invalid, 1);
	log_end(conn, reason, error);
	echo_conn_ungather(&daemon->echo, conn);
	conn->state = ECHO_CLOSING;
	conn->reason = reason;
	if (conn->receiving)
		cancel(daemon, conn, BC_OP_ECHO_RECV);
	if (conn->sending)
		cancel(daemon, conn, BC_OP_ECHO_SEND);
}

/* ---- Events ------------------------------------------------------------ */

static void refuse(struct daemon *daemon, int fd)
{
	struct echo *echo = &daemon->echo;
	char peer[BC_SOCKADDR_TEXT_MAX];
	bool stops = daemon->phase != DAEMON_RUNNING;
	bool quiet = echo->refused_ns == 0 ||
		     daemon->home.now_ns - echo->refused_ns >= QUIET_NS;

	echo->refused_ns = daemon->home.now_ns;
	bc_counter_add(daemon->counters, BC_COUNTER_echo_refused, 1);
	if (quiet)
		log_event(LOG_LEVEL_WARN, "echo_refused",
			  "peer=%s reason=%s clients=%u "
			  "fix=\"raise --echo-max-clients\"",
			  bc_peer_socket_describe(fd, peer, sizeof(peer)),
			  stops ? "shutdown" : "limit", echo->used);
	(void)close(fd);
}

/* As introduce.c does for receivers, and for the same reasons. */
static void tune(const struct config_listen *door, int fd)
{
	static const char cubic[] = "cubic";
	struct sockaddr_storage local = {0}, peer = {0};
	socklen_t local_length = sizeof(local), peer_length = sizeof(peer);
	int sndbuf = (int)door->sndbuf_bytes;

	(void)getsockname(fd, (struct sockaddr *)&local, &local_length);
	if (local.ss_family == AF_UNIX) {
		if (sndbuf > 0)
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf,
					 sizeof(sndbuf));
		return;
	}
	if (strcmp(door->congestion, "auto") != 0)
		return;
	(void)getpeername(fd, (struct sockaddr *)&peer, &peer_length);
	if (bc_sockaddr_same_host(&local, &peer))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cubic,
				 sizeof(cubic) - 1);
}

void echo_accepted(struct daemon *daemon, uint32_t listener_index, int fd)
{
	uint32_t door = daemon->listeners[listener_index].door;
	struct echo_conn *conn = NULL;

	bc_counter_add(daemon->counters, BC_COUNTER_accepts, 1);
	if (daemon->phase == DAEMON_RUNNING)
		conn = open_slot(daemon, fd);
	if (!conn) {
		refuse(daemon, fd);
		return;
	}
	tune(&daemon->config.listens[door], fd);
	bc_counter_add(daemon->counters, BC_COUNTER_echo_joined, 1);
	bc_counter_set(daemon->counters, BC_COUNTER_echo_clients,
		       daemon->echo.used);
	echo_conn_arm(daemon, conn);
	settle(daemon, conn);
}

/*
 * No more buffers, or we have asked it to end, or nothing has come after all.
 */
static bool goes_on(int32_t error)
{
	return error == -ENOBUFS || error == -ECANCELED || error == -EAGAIN;
}

static void on_recv(struct daemon *daemon, struct echo_conn *conn,
		    const struct bc_event *event)
{
	unsigned char *bytes = event->bytes;
	int32_t result = event->result;

	if ((event->flags & BC_EVENT_MORE) == 0)
		conn->receiving = false;
	if (conn->state == ECHO_CLOSING)
		return;
	if (conn->polling && result >= 0) {
		bytes = daemon->echo.buffer;
		result = echo_conn_receive(daemon, conn);
	}
	if (result > 0) {
		echo_conn_take(daemon, conn, bytes, (size_t)result);
	} else if (result == 0) {
		conn->peer_ended = true;
		conn->state = ECHO_LAST;
	} else if (!goes_on(result)) {
		echo_conn_end(daemon, conn, ECHO_REASON_ERROR, result);
	}
	echo_conn_arm(daemon, conn);
}

static void on_sent(struct daemon *daemon, struct echo_conn *conn,
		    int32_t result)
{
	conn->sending = false;
	if (conn->state == ECHO_CLOSING)
		return;
	if (result < 0)
		echo_conn_end(daemon, conn, ECHO_REASON_ERROR, result);
	else
		echo_conn_sent(daemon, conn, (size_t)result);
}

void echo_on_event(struct daemon *daemon, struct bc_token token,
		   const struct bc_event *event)
{
	struct echo_conn *conn = &daemon->echo.conns[token.slot];

	/* a slot is not freed with requests in flight */
	BC_ASSERT(token.slot < daemon->echo.count);
	BC_ASSERT(conn->generation == token.generation);
	BC_ASSERT(conn->state != ECHO_FREE);
	if (token.op == BC_OP_ECHO_RECV)
		on_recv(daemon, conn, event);
	else
		on_sent(daemon, conn, event->result);
	settle(daemon, conn);
}

/* ---- Turns ------------------------------------------------------------- */

static void arm_flush(struct daemon *daemon)
{
	const struct echo_conn *first = daemon->echo.gathered;

	lane_arm(&daemon->home, LANE_ECHO,
		 first ? first->due_ns : TIMERS_NEVER);
}

void echo_flush(struct daemon *daemon)
{
	struct echo *echo = &daemon->echo;

	while (echo->gathered &&
	       echo->gathered->due_ns <= daemon->home.now_ns) {
		struct echo_conn *conn = echo->gathered;

		echo_conn_flush(daemon, conn);
		settle(daemon, conn);
	}
	arm_flush(daemon);
}

static void drain_one(struct daemon *daemon, struct echo_conn *conn, bool late)
{
	if (conn->state == ECHO_OPEN) {
		conn->state = ECHO_LAST;
		if (conn->receiving)
			cancel(daemon, conn, BC_OP_ECHO_RECV);
	}
	if (late && conn->state == ECHO_LAST)
		echo_conn_end(daemon, conn, ECHO_REASON_LATE, 0);
	settle(daemon, conn);
}

void echo_drain(struct daemon *daemon, bool late)
{
	for (uint32_t i = 0; i < daemon->echo.count; i++)
		if (daemon->echo.conns[i].state != ECHO_FREE)
			drain_one(daemon, &daemon->echo.conns[i], late);
	arm_flush(daemon);
}

bool echo_is_gone(const struct daemon *daemon)
{
	return daemon->echo.used == 0;
}
