/* SPDX-License-Identifier: MIT */
/* connection.c - see connection.h. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/peers.h"
#include "src/connection.h"
#include "src/egress.h"
#include "src/ingest.h"
#include "src/log.h"

/* ---- Requests ---------------------------------------------------------- */

int connection_recv(struct daemon *daemon, struct bc_conn *conn, void *buffer,
		    size_t size)
{
	uint64_t token = bc_conn_token(&daemon->conns, conn, BC_OP_RECV);
	int ret;

	BC_ASSERT((conn->in_flight & BC_CONN_RECV) == 0);
	ret = bc_backend_recv(daemon->backend, conn->fd, buffer, size, 0,
			      token);
	if (ret == 0)
		conn->in_flight |= BC_CONN_RECV;
	return ret;
}

int connection_send(struct daemon *daemon, struct bc_conn *conn,
		    const void *bytes, size_t size)
{
	uint64_t token = bc_conn_token(&daemon->conns, conn, BC_OP_SEND);
	int ret;

	BC_ASSERT((conn->in_flight & BC_CONN_SEND) == 0);
	ret = bc_backend_send(daemon->backend, conn->fd, bytes, size, token);
	if (ret == 0)
		conn->in_flight |= BC_CONN_SEND;
	return ret;
}

int connection_watch(struct daemon *daemon, struct bc_conn *conn,
		     unsigned char *byte)
{
	uint64_t token = bc_conn_token(&daemon->conns, conn, BC_OP_WATCH);
	int ret = bc_backend_recv(daemon->backend, conn->fd, byte, 1, MSG_PEEK,
				  token);

	if (ret == 0)
		conn->in_flight |= BC_CONN_WATCH;
	return ret;
}

int connection_discard(struct daemon *daemon, struct bc_conn *conn, size_t size)
{
	uint64_t token = bc_conn_token(&daemon->conns, conn, BC_OP_DISCARD);
	int ret = bc_backend_recv(daemon->backend, conn->fd, NULL, size,
				  MSG_TRUNC, token);

	if (ret == 0)
		conn->in_flight |= BC_CONN_DISCARD;
	return ret;
}

void connection_cancel(struct daemon *daemon, struct bc_conn *conn,
		       uint32_t requests)
{
	static const struct {
		uint32_t request;
		enum bc_op op;
	} all[] = {
		{BC_CONN_SEND, BC_OP_SEND},
		{BC_CONN_RECV, BC_OP_RECV},
		{BC_CONN_WATCH, BC_OP_WATCH},
		{BC_CONN_DISCARD, BC_OP_DISCARD},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (conn->in_flight & requests & all[i].request)
			(void)bc_backend_cancel(
				daemon->backend,
				bc_conn_token(&daemon->conns, conn, all[i].op));
}

/* ---- The beginning ----------------------------------------------------- */

/* cubic is 1.7 times bbr between processes of one machine (bench/fanout). */
static void tune_for_same_host(const struct daemon *daemon, int fd)
{
	static const char cubic[] = "cubic";

	/* not being allowed or not having it is no reason to refuse anybody */
	if (strcmp(daemon->config.congestion, "auto") == 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cubic,
				 sizeof(cubic) - 1);
}

/* Fill in who the peer is; show it, with a role that may still change. */
static void introduce(struct daemon *daemon, struct bc_conn *conn,
		      uint32_t role)
{
	struct sockaddr_storage local = {0}, peer = {0};
	socklen_t local_length = sizeof(local), peer_length = sizeof(peer);
	char local_text[BC_SOCKADDR_TEXT_MAX];
	struct bc_peer_opening opening;

	(void)getsockname(conn->fd, (struct sockaddr *)&local, &local_length);
	(void)getpeername(conn->fd, (struct sockaddr *)&peer, &peer_length);
	if (role == BCAST_ROLE_RECEIVER && bc_sockaddr_same_host(&local, &peer))
		tune_for_same_host(daemon, conn->fd);
	bc_sockaddr_format(&peer, conn->peer, sizeof(conn->peer));
	bc_sockaddr_format(&local, local_text, sizeof(local_text));
	conn->connected_realtime_ns = bc_realtime_ns();
	conn->role = role;
	opening = (struct bc_peer_opening){
		.role = role,
		.peer = conn->peer,
		.local = local_text,
		.position = daemon_tail(daemon),
		.now_ns = daemon->now_ns,
	};
	conn->shown = bc_peers_slot(&daemon->segment,
				    bc_conn_slot(&daemon->conns, conn));
	bc_peers_open(conn->shown, &opening);
}

/* A connection that is not taken: say why, in the log and the memory. */
static void refuse(struct daemon *daemon, int fd, uint32_t role,
		   uint32_t reason)
{
	struct sockaddr_storage peer = {0};
	socklen_t length = sizeof(peer);
	char text[BC_SOCKADDR_TEXT_MAX];
	bool sender = role == BCAST_ROLE_SENDER;

	(void)getpeername(fd, (struct sockaddr *)&peer, &length);
	bc_sockaddr_format(&peer, text, sizeof(text));
	(void)close(fd);
	bc_counter_add(daemon->counters,
		       sender ? BC_COUNTER_senders_refused
			      : BC_COUNTER_receivers_refused,
		       1);
	bc_peers_remember(&daemon->segment,
			  &(struct bc_peer_closing){
				  .role = role,
				  .reason = reason,
				  .peer = text,
				  .cursor = daemon_tail(daemon),
				  .connected_realtime_ns = bc_realtime_ns(),
			  });
	log_event(LOG_LEVEL_WARN,
		  sender ? "sender_refused" : "receiver_refused",
		  "peer=%s reason=%s", text, bcast_close_reason_name(reason));
}

/* Which role a newcomer gets; 0 with a reason if none. */
static uint32_t choose_role(const struct daemon *daemon, enum config_role door,
			    uint32_t *reason)
{
	if (door != CONFIG_ROLE_EGRESS && ingest_is_free(daemon))
		return BCAST_ROLE_WAITING;
	*reason = BCAST_CLOSE_BUSY;
	if (door == CONFIG_ROLE_INGEST)
		return 0;
	*reason = BCAST_CLOSE_LIMIT;
	if (daemon->egress.receivers >= daemon->config.max_receivers)
		return 0;
	return BCAST_ROLE_RECEIVER;
}

void connection_accepted(struct daemon *daemon, uint32_t listener_index, int fd)
{
	enum config_role door = daemon->listeners[listener_index].role;
	uint32_t refused_role = door == CONFIG_ROLE_INGEST
					? BCAST_ROLE_SENDER
					: BCAST_ROLE_RECEIVER;
	uint32_t reason = 0;
	uint32_t role = choose_role(daemon, door, &reason);
	struct bc_conn *conn;

	bc_counter_add(daemon->counters, BC_COUNTER_accepts, 1);
	if (role == 0 || daemon->phase != DAEMON_RUNNING) {
		refuse(daemon, fd, refused_role,
		       role ? BCAST_CLOSE_SHUTDOWN : reason);
		return;
	}
	conn = bc_conn_open(&daemon->conns, fd);
	if (!conn) {
		refuse(daemon, fd, refused_role, BCAST_CLOSE_LIMIT);
		return;
	}
	conn->listener = listener_index;
	introduce(daemon, conn, role);
	if (role == BCAST_ROLE_RECEIVER)
		egress_join(daemon, conn);
	else
		ingest_join(daemon, conn);
}

/* ---- The end ----------------------------------------------------------- */

static bool is_graceful(uint32_t reason)
{
	return reason == BCAST_CLOSE_PEER || reason == BCAST_CLOSE_SHUTDOWN;
}

/* What was written is sent on in the background, or else purged by a reset. */
static void close_socket(const struct bc_conn *conn)
{
	const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

	if (!is_graceful(conn->close_reason)) {
		(void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &abort_now,
				 sizeof(abort_now));
	} else {
		/* unread bytes would turn the end into a reset: drop them */
		(void)shutdown(conn->fd, SHUT_WR);
		(void)recv(conn->fd, NULL, SIZE_MAX / 2,
			   MSG_TRUNC | MSG_DONTWAIT);
	}
	(void)close(conn->fd);
}

static void remember(struct daemon *daemon, const struct bc_conn *conn)
{
	bool receiver = conn->role == BCAST_ROLE_RECEIVER;
	uint64_t tail = daemon_tail(daemon);

	bc_peers_remember(
		&daemon->segment,
		&(struct bc_peer_closing){
			.role = conn->role,
			.reason = conn->close_reason,
			.error = conn->close_error,
			.peer = conn->peer,
			.cursor = receiver ? conn->cursor : tail,
			.lag = receiver ? tail - conn->cursor : 0,
			.bytes = conn->bytes,
			.connected_realtime_ns = conn->connected_realtime_ns,
		});
}

static void log_end(struct daemon *daemon, const struct bc_conn *conn)
{
	const char *reason = bcast_close_reason_name(conn->close_reason);
	char text[128];

	if (conn->close_reason == BCAST_CLOSE_SLOW)
		log_event(LOG_LEVEL_WARN, "receiver_dropped",
			  "peer=%s bytes=%llu lag_bytes=%llu reason=%s",
			  conn->peer, (unsigned long long)conn->bytes,
			  (unsigned long long)(daemon_tail(daemon) -
					       conn->cursor),
			  reason);
	else
		log_event(LOG_LEVEL_INFO,
			  conn->role == BCAST_ROLE_RECEIVER ? "receiver_left"
							    : "sender_left",
			  "peer=%s bytes=%llu reason=%s error=%s", conn->peer,
			  (unsigned long long)conn->bytes, reason,
			  conn->close_error == 0
				  ? "none"
				  : log_quote(strerror(-conn->close_error),
					      text, sizeof(text)));
}

void connection_close(struct daemon *daemon, struct bc_conn *conn,
		      uint32_t reason, int error)
{
	if (conn->role == BCAST_ROLE_RECEIVER) {
		egress_remove(daemon, conn);
		bc_counter_add(daemon->counters,
			       reason == BCAST_CLOSE_SLOW
				       ? BC_COUNTER_receivers_dropped
				       : BC_COUNTER_receivers_left,
			       1);
	}
	bc_conn_begin_close(conn, reason, error);
	log_end(daemon, conn);
	remember(daemon, conn);
	bc_peers_close(conn->shown);
	/* last: the next in line is shown to join after this one has left */
	if (conn->role != BCAST_ROLE_RECEIVER)
		ingest_remove(daemon, conn);
	connection_cancel(daemon, conn, conn->in_flight);
	connection_settled(daemon, conn);
}

void connection_settled(struct daemon *daemon, struct bc_conn *conn)
{
	if (conn->state != BC_CONN_CLOSING || conn->in_flight != 0)
		return;
	close_socket(conn);
	bc_conn_release(&daemon->conns, conn);
}

/* Our own end knows of a reset that came when no request was in flight. */
static bool is_broken(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
	       info.tcpi_state == TCP_CLOSE;
}

void connection_probe(struct daemon *daemon, struct bc_conn *conn)
{
	if (is_broken(conn->fd))
		connection_close(daemon, conn, BCAST_CLOSE_RESET, -ECONNRESET);
	else if (bc_peer_socket_held(&daemon->peer_socket, conn->fd) == 0)
		connection_close(daemon, conn, BCAST_CLOSE_PEER, 0);
}
