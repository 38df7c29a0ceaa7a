/* SPDX-License-Identifier: MIT */
/* request.c - see request.h. */
#include <sys/socket.h>

#include "src/request.h"

int request_recv(struct lane *lane, struct bc_conn *conn, void *buffer,
		 size_t size)
{
	uint64_t token = bc_conn_token(&lane->conns, conn, BC_OP_RECV);
	int ret;

	BC_ASSERT((conn->in_flight & BC_CONN_RECV) == 0);
	ret = bc_backend_recv(lane->backend, conn->fd, buffer, size, 0, token);
	if (ret == 0)
		conn->in_flight |= BC_CONN_RECV;
	return ret;
}

int request_send(struct lane *lane, struct bc_conn *conn, const void *bytes,
		 size_t size)
{
	uint64_t token = bc_conn_token(&lane->conns, conn, BC_OP_SEND);
	int ret;

	BC_ASSERT((conn->in_flight & BC_CONN_SENDS) == 0);
	ret = bc_backend_send(lane->backend, conn->fd, bytes, size, token);
	if (ret == 0)
		conn->in_flight |= BC_CONN_SEND;
	return ret;
}

/* Of the one whose result has not come: it is the newest. */
static uint64_t send_zc_token(const struct lane *lane,
			      const struct bc_conn *conn)
{
	return bc_token_number(bc_conn_token(&lane->conns, conn, BC_OP_SEND_ZC),
			       bc_owed_newest(&conn->owed));
}

int request_send_zc(struct lane *lane, struct bc_conn *conn, const void *bytes,
		    size_t size)
{
	int ret;

	BC_ASSERT((conn->in_flight & BC_CONN_SENDS) == 0);
	(void)bc_owed_add(&conn->owed, conn->cursor);
	ret = bc_backend_send_zc(lane->backend, conn->fd, bytes, size,
				 send_zc_token(lane, conn));
	if (ret == 0)
		conn->in_flight |= BC_CONN_SEND_ZC;
	else
		bc_owed_take_back(&conn->owed);
	return ret;
}

int request_watch(struct lane *lane, struct bc_conn *conn, unsigned char *byte)
{
	uint64_t token = bc_conn_token(&lane->conns, conn, BC_OP_WATCH);
	int ret = bc_backend_recv(lane->backend, conn->fd, byte, 1, MSG_PEEK,
				  token);

	if (ret == 0)
		conn->in_flight |= BC_CONN_WATCH;
	return ret;
}

int request_hello(struct lane *lane, struct bc_conn *conn, void *buffer,
		  size_t size)
{
	uint64_t token = bc_conn_token(&lane->conns, conn, BC_OP_HELLO);
	int ret = bc_backend_recv(lane->backend, conn->fd, buffer, size, 0,
				  token);

	if (ret == 0)
		conn->in_flight |= BC_CONN_HELLO;
	return ret;
}

int request_publish(struct lane *lane, struct bc_conn *conn, void *buffer,
		    size_t size)
{
	uint64_t token = bc_conn_token(&lane->conns, conn, BC_OP_PUBLISH);
	int ret = bc_backend_recv(lane->backend, conn->fd, buffer, size, 0,
				  token);

	if (ret == 0)
		conn->in_flight |= BC_CONN_PUBLISH;
	return ret;
}

int request_each(struct lane *lane, struct bc_conn *conn)
{
	uint64_t token = bc_conn_token(&lane->conns, conn, BC_OP_EACH);
	int ret = bc_backend_recv_each(lane->backend, conn->fd, token);

	if (ret == 0)
		conn->in_flight |= BC_CONN_EACH;
	return ret;
}

int request_discard(struct lane *lane, struct bc_conn *conn, size_t size)
{
	uint64_t token = bc_conn_token(&lane->conns, conn, BC_OP_DISCARD);
	int ret;

	/* only TCP can throw away without a copy */
	if (conn->unix_socket)
		ret = bc_backend_recv(lane->backend, conn->fd,
				      lane->egress.scrap,
				      sizeof(lane->egress.scrap), 0, token);
	else
		ret = bc_backend_recv(lane->backend, conn->fd, NULL, size,
				      MSG_TRUNC, token);
	if (ret == 0)
		conn->in_flight |= BC_CONN_DISCARD;
	return ret;
}

void request_cancel(struct lane *lane, struct bc_conn *conn, uint32_t requests)
{
	static const struct {
		uint32_t request;
		enum bc_op op;
	} all[] = {
		{BC_CONN_SEND, BC_OP_SEND},
		{BC_CONN_RECV, BC_OP_RECV},
		{BC_CONN_WATCH, BC_OP_WATCH},
		{BC_CONN_DISCARD, BC_OP_DISCARD},
		{BC_CONN_EACH, BC_OP_EACH},
		{BC_CONN_HELLO, BC_OP_HELLO},
		{BC_CONN_PUBLISH, BC_OP_PUBLISH},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (conn->in_flight & requests & all[i].request)
			(void)bc_backend_cancel(
				lane->backend,
				bc_conn_token(&lane->conns, conn, all[i].op));
	if (conn->in_flight & requests & BC_CONN_SEND_ZC)
		(void)bc_backend_cancel(lane->backend,
					send_zc_token(lane, conn));
}
