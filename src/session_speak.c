/* SPDX-License-Identifier: MIT */
/* session_speak.c - see session_speak.h. */
#include <errno.h>

#include <bcast/monitor.h>

#include "src/post.h"
#include "src/request.h"
#include "src/session.h"
#include "src/session_speak.h"
#include "src/skip.h"

int session_speak(struct lane *lane, struct bc_conn *conn)
{
	const void *bytes;
	size_t size = outbox_next(&conn->session->outbox, &bytes);
	int ret = request_send(lane, conn, bytes, size);

	conn->session->speaking = ret == 0;
	return ret;
}

/* Who has closed its side need not take its last words. */
static void end_broken(struct lane *lane, struct bc_conn *conn, int error)
{
	const struct session *session = conn->session;

	if (session->state == SESSION_LEAVING &&
	    session->leave_reason == BCAST_CLOSE_PEER)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_PEER, 0);
	else
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_RESET, error);
}

void session_on_spoken(struct lane *lane, struct bc_conn *conn, int result)
{
	struct session *session = conn->session;

	session->speaking = false;
	if (result > 0) {
		outbox_sent(&session->outbox, (size_t)result);
		session->spoke_ns = lane->now_ns;
	}
	if (conn->state != BC_CONN_OPEN)
		return;
	post_on_spoken(lane, conn);
	if (result < 0 && result != -ECANCELED && result != -EINTR &&
	    result != -EAGAIN)
		end_broken(lane, conn, result);
	else if (session->state == SESSION_LEAVING &&
		 outbox_is_empty(&session->outbox))
		bc_conn_end(&lane->conns, conn, session->leave_reason, 0);
	else
		skip_land(lane, conn);
}
