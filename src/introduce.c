/* SPDX-License-Identifier: MIT */
/* introduce.c - see introduce.h. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/peers.h"
#include "src/egress.h"
#include "src/introduce.h"
#include "src/publisher.h"
#include "src/rates.h"
#include "src/session.h"
#include "src/session_input.h"
#include "src/zerocopy.h"

/* cubic is 1.7 times bbr between processes of one machine (bench/fanout). */
static void tune_for_same_host(const struct config_listen *door, int fd)
{
	static const char cubic[] = "cubic";

	/* not being allowed or not having it is no reason to refuse anybody */
	if (strcmp(door->congestion, "auto") == 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cubic,
				 sizeof(cubic) - 1);
}

/* Accepted unix sockets do not inherit it, and theirs is the only buffer. */
static void tune_unix(const struct config_listen *door, int fd)
{
	int bytes = (int)door->sndbuf_bytes;

	if (bytes > 0 && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
				    sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes,
				 sizeof(bytes));
}

void introduce(struct lane *lane, struct bc_conn *conn, uint32_t role,
	       uint64_t position)
{
	const struct config_listen *door = &lane->config->listens[conn->door];
	struct sockaddr_storage local = {0}, peer = {0};
	socklen_t local_length = sizeof(local), peer_length = sizeof(peer);
	char local_text[BC_SOCKADDR_TEXT_MAX];
	struct bc_peer_opening opening;

	(void)getsockname(conn->fd, (struct sockaddr *)&local, &local_length);
	(void)getpeername(conn->fd, (struct sockaddr *)&peer, &peer_length);
	conn->unix_socket = local.ss_family == AF_UNIX;
	if (conn->unix_socket)
		tune_unix(door, conn->fd);
	else if ((role == BCAST_ROLE_RECEIVER || role == BCAST_ROLE_GREETING) &&
		 bc_sockaddr_same_host(&local, &peer))
		tune_for_same_host(door, conn->fd);
	bc_peer_socket_describe(conn->fd, conn->peer, sizeof(conn->peer));
	bc_sockaddr_format(&local, local_text, sizeof(local_text));
	conn->connected_realtime_ns = bc_realtime_ns();
	conn->role = role;
	rates_begin(lane, conn);
	opening = (struct bc_peer_opening){
		.role = role,
		.peer = conn->peer,
		.local = local_text,
		.position = position,
		.now_ns = lane->now_ns,
	};
	conn->shown = bc_peers_slot(lane->segment,
				    lane->first_slot +
					    bc_conn_slot(&lane->conns, conn));
	bc_peers_open(conn->shown, &opening);
	if (role == BCAST_ROLE_RECEIVER)
		zerocopy_introduce(lane, conn, &local, &peer);
}

void introduce_receiver(struct lane *lane, struct bc_conn *conn,
			uint64_t position)
{
	introduce(lane, conn, BCAST_ROLE_RECEIVER, position);
	socket_memory_admit(lane, conn);
	egress_join(lane, conn, position);
}

void introduce_subscriber(struct lane *lane, struct bc_conn *conn,
			  uint64_t position)
{
	struct sockaddr_storage local = {0}, peer = {0};
	socklen_t local_length = sizeof(local), peer_length = sizeof(peer);

	(void)getsockname(conn->fd, (struct sockaddr *)&local, &local_length);
	(void)getpeername(conn->fd, (struct sockaddr *)&peer, &peer_length);
	bc_peers_set_role(conn->shown, BCAST_ROLE_RECEIVER, position);
	zerocopy_introduce(lane, conn, &local, &peer);
	socket_memory_admit(lane, conn);
	lane->subscribers++;
	egress_join(lane, conn, position);
}

void introduce_welcomed(struct lane *lane, struct bc_conn *conn,
			uint64_t position)
{
	introduce(lane, conn, BCAST_ROLE_RECEIVER, position);
	socket_memory_admit(lane, conn);
	session_move(lane, conn);
	egress_join(lane, conn, position);
	session_serve(lane, conn);
}

void introduce_client(struct lane *lane, struct bc_conn *conn)
{
	conn->role = conn->session->publisher ? BCAST_ROLE_SENDER
					      : BCAST_ROLE_CLIENT;
	bc_peers_set_role(conn->shown, conn->role, lane->tail);
}
