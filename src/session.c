/* SPDX-License-Identifier: MIT */
/* session.c - see session.h. */
#include <errno.h>
#include <stdlib.h>

#include <bcast/monitor.h>

#include "src/session.h"

int session_open(struct lane *lane, struct bc_conn *conn)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->state = SESSION_GREETING;
	session->heard_ns = lane->now_ns;
	session->spoke_ns = lane->now_ns;
	conn->session = session;
	lane->clients++;
	lane_look_soon(lane, conn);
	return 0;
}

/* What this lane's clock says may be somewhat earlier than the other's. */
void session_move(struct lane *lane, struct bc_conn *conn)
{
	conn->session->heard_ns = lane->now_ns;
	conn->session->spoke_ns = lane->now_ns;
	lane->clients++;
	lane->subscribers++;
}

void session_drop_rest(struct lane *lane, struct session *session)
{
	lane->rests_bytes -= session->rest_bytes;
	session->rest_bytes = 0;
}

void session_end(struct lane *lane, const struct bc_conn *conn)
{
	session_drop_rest(lane, conn->session);
	lane->clients--;
	if (conn->role == BCAST_ROLE_RECEIVER)
		lane->subscribers--;
}

void session_free(struct bc_conn *conn)
{
	struct session *session = conn->session;

	if (!session)
		return;
	outbox_fini(&session->outbox);
	bc_packet_stream_fini(&session->in);
	free(session->hello);
	free(session->key);
	free(session);
	conn->session = NULL;
}

bool session_is_between(const struct bc_conn *conn)
{
	return conn->role != BCAST_ROLE_RECEIVER ||
	       conn->cursor == conn->session->span_end;
}

bool session_has_words(const struct bc_conn *conn)
{
	return !outbox_is_empty(&conn->session->outbox) &&
	       session_is_between(conn);
}
