/* SPDX-License-Identifier: MIT */
/* closing.c - see closing.h. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/peers.h"
#include "src/closing.h"
#include "src/egress.h"
#include "src/log.h"
#include "src/publisher.h"
#include "src/request.h"
#include "src/send_queue.h"
#include "src/session.h"

#define DROP_ROUNDS_MAX 256u

/* What a peer that closed has not acknowledged by then, it never will. */
#define END_IN_ORDER_NS ((uint64_t)BC_NS_PER_S)

static bool is_graceful(uint32_t reason)
{
	return reason == BCAST_CLOSE_PEER || reason == BCAST_CLOSE_SHUTDOWN ||
	       reason == BCAST_CLOSE_REJECTED || reason == BCAST_CLOSE_IDLE;
}

/*
 * Bytes of the peer that we have not read would turn the end into a reset: drop
 * them. A unix socket's have to be copied; it is told first that no more may
 * come, so there is an end to them.
 */
static void drop_unread(const struct bc_conn *conn)
{
	char bytes[4096];
	unsigned rounds = DROP_ROUNDS_MAX;

	if (!conn->unix_socket) {
		(void)shutdown(conn->fd, SHUT_WR);
		(void)recv(conn->fd, NULL, SIZE_MAX / 2,
			   MSG_TRUNC | MSG_DONTWAIT);
		return;
	}
	(void)shutdown(conn->fd, SHUT_RDWR);
	while (rounds-- > 0 &&
	       recv(conn->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* What the kernel has not sent is purged; a unix socket knows no reset. */
static void reset_socket(struct bc_conn *conn)
{
	const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &abort_now,
			 sizeof(abort_now));
	(void)close(conn->fd);
	conn->fd = -1;
}

/* What the kernel has taken is sent on in the background. */
static void end_socket(struct bc_conn *conn)
{
	drop_unread(conn);
	(void)close(conn->fd);
	conn->fd = -1;
}

/* The same, but it is to be sent before we go on. */
static void begin_to_end(struct lane *lane, struct bc_conn *conn)
{
	if (conn->abort_at_ns != 0)
		return;
	(void)shutdown(conn->fd, SHUT_WR);
	/* a stop has a deadline of its own */
	conn->abort_at_ns = conn->close_reason == BCAST_CLOSE_SHUTDOWN
				    ? TIMERS_NEVER
				    : lane->now_ns + END_IN_ORDER_NS;
	lane_look_soon(lane, conn);
}

static void remember(struct lane *lane, const struct bc_conn *conn)
{
	bool receiver = conn->role == BCAST_ROLE_RECEIVER;
	uint64_t tail = lane->tail;

	lane_remember(
		lane,
		&(struct bc_peer_closing){
			.role = conn->role,
			.reason = conn->close_reason,
			.error = conn->close_error,
			.peer = conn->peer,
			.cursor = receiver ? conn->cursor : tail,
			.lag = receiver ? tail - bc_conn_floor(conn) : 0,
			.bytes = conn->bytes,
			.connected_realtime_ns = conn->connected_realtime_ns,
		});
}

/* Is it our doing, and the receiver's fault? */
static bool is_drop(uint32_t reason)
{
	return reason == BCAST_CLOSE_SLOW || reason == BCAST_CLOSE_SEND_TIMEOUT;
}

static enum bc_counter counter_of(uint32_t reason)
{
	if (reason == BCAST_CLOSE_SLOW)
		return BC_COUNTER_receivers_dropped;
	if (reason == BCAST_CLOSE_SEND_TIMEOUT)
		return BC_COUNTER_receivers_stalled;
	return BC_COUNTER_receivers_left;
}

static void log_left(const struct bc_conn *conn)
{
	const char *reason = bcast_close_reason_name(conn->close_reason);
	char text[128];
	const char *error = conn->close_error == 0
				    ? "none"
				    : log_quote(strerror(-conn->close_error),
						text, sizeof(text));

	if (conn->session && conn->role != BCAST_ROLE_RECEIVER)
		log_event(LOG_LEVEL_INFO, "client_left",
			  "peer=%s reason=%s error=%s", conn->peer, reason,
			  error);
	else
		log_event(LOG_LEVEL_INFO,
			  conn->role == BCAST_ROLE_RECEIVER ? "receiver_left"
							    : "sender_left",
			  "peer=%s bytes=%llu reason=%s error=%s", conn->peer,
			  (unsigned long long)conn->bytes, reason, error);
}

static void log_end(struct lane *lane, const struct bc_conn *conn)
{
	const char *reason = bcast_close_reason_name(conn->close_reason);

	if (is_drop(conn->close_reason))
		log_event(
			LOG_LEVEL_WARN, "receiver_dropped",
			"peer=%s bytes=%llu lag_bytes=%llu reason=%s",
			conn->peer, (unsigned long long)conn->bytes,
			(unsigned long long)(lane->tail - bc_conn_floor(conn)),
			reason);
	else
		log_left(conn);
}

static void begin(struct lane *lane, struct bc_conn *conn)
{
	bool receiver = conn->role == BCAST_ROLE_RECEIVER;

	if (receiver) {
		egress_remove(lane, conn);
		bc_tally_add(&lane->tally, counter_of(conn->close_reason), 1);
	}
	if (conn->session) {
		send_queue_remove(lane, conn);
		session_end(lane, conn);
	}
	bc_conn_begin_close(conn);
	log_end(lane, conn);
	remember(lane, conn);
	bc_peers_close(conn->shown);
	/* last: the next in line is shown to join after this one has left */
	if (lane->left)
		lane->left(lane->daemon, conn);
	request_cancel(lane, conn, conn->in_flight);
	closing_settle(lane, conn);
}

void closing_run(struct lane *lane)
{
	struct bc_conn *conn;

	while ((conn = bc_conn_take_ended(&lane->conns)))
		begin(lane, conn);
}

void closing_settle(struct lane *lane, struct bc_conn *conn)
{
	if (conn->state != BC_CONN_CLOSING || conn->in_flight != 0)
		return;
	if (conn->fd >= 0 && !is_graceful(conn->close_reason))
		reset_socket(conn);
	if (conn->owed.count > 0) {
		if (conn->fd >= 0)
			begin_to_end(lane, conn);
		return;
	}
	if (conn->fd >= 0)
		end_socket(conn);
	if (conn->session)
		publisher_free(conn->session->publisher);
	session_free(conn);
	bc_conn_release(&lane->conns, conn);
}

static bool ends_in_order(const struct bc_conn *conn)
{
	return conn->state == BC_CONN_CLOSING && conn->fd >= 0 &&
	       conn->abort_at_ns != 0;
}

uint64_t closing_look_after(struct lane *lane, struct bc_conn *conn)
{
	if (!ends_in_order(conn))
		return TIMERS_NEVER;
	if (lane->now_ns < conn->abort_at_ns)
		return conn->abort_at_ns;
	/* the notifications come with the next events */
	reset_socket(conn);
	return TIMERS_NEVER;
}

void closing_press(struct lane *lane)
{
	if (lane->zerocopy.owed == 0)
		return;
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		struct bc_conn *conn = &lane->conns.conns[slot];

		if (ends_in_order(conn))
			reset_socket(conn);
	}
}

/* Our own end knows of a reset that came when no request was in flight. */
static bool is_broken(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
	       info.tcpi_state == TCP_CLOSE;
}

void closing_probe(struct lane *lane, struct bc_conn *conn)
{
	if (is_broken(conn->fd))
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_RESET, -ECONNRESET);
	else if (bc_peer_socket_held(&lane->peer_socket, conn->fd) == 0)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_PEER, 0);
}
