/* SPDX-License-Identifier: MIT */
/*
 * lane_still.c - see lane_still.h.
 *
 * What has happened before a cancel got through counts as ever: so events go
 * the usual way. Only two kinds would not come to an end there: a peek or a
 * receive of what clients say is asked for anew at once, and a receiver that
 * sends us bytes without a pause has always some to be thrown away. These stay
 * where they are, in the socket.
 */
#include <errno.h>

#include <bcast/monitor.h>

#include "shm/peers.h"
#include "src/closing.h"
#include "src/lane_still.h"
#include "src/request.h"
#include "src/session.h"
#include "src/zerocopy.h"

bool lane_still_press(struct lane *lane)
{
	bool still = true;

	closing_run(lane);
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		struct bc_conn *conn = &lane->conns.conns[slot];

		if (conn->state == BC_CONN_FREE ||
		    (conn->state == BC_CONN_OPEN && conn->in_flight == 0 &&
		     conn->owed.count == 0))
			continue;
		still = false;
		if (conn->in_flight != 0)
			request_cancel(lane, conn, conn->in_flight);
	}
	return still;
}

static bool is_nothing(int result)
{
	return result == -ECANCELED || result == -EAGAIN || result == -EINTR ||
	       result == -ENOBUFS;
}

static void note_discarded(struct lane *lane, struct bc_conn *conn, int result)
{
	bc_peers_add(&conn->shown->discarded, (uint64_t)result);
	bc_tally_add(&lane->tally, BC_COUNTER_discarded_bytes,
		     (uint64_t)result);
}

bool lane_still_swallow(struct lane *lane, const struct bc_event *event)
{
	struct bc_token token = bc_token_unpack(event->token);
	struct bc_conn *conn = bc_conn_by_token(&lane->conns, token);
	bool nothing = is_nothing(event->result);
	uint32_t request = 0;

	if (!conn)
		return false;
	if (token.op == BC_OP_WATCH && (nothing || event->result > 0))
		request = BC_CONN_WATCH;
	else if (token.op == BC_OP_DISCARD && (nothing || event->result > 0))
		request = BC_CONN_DISCARD;
	else if (token.op == BC_OP_EACH && nothing)
		request = BC_CONN_EACH;
	else if (token.op == BC_OP_HELLO && nothing)
		request = BC_CONN_HELLO;
	if (request == 0)
		return false;
	if (request == BC_CONN_DISCARD && event->result > 0)
		note_discarded(lane, conn, event->result);
	conn->in_flight &= ~request;
	closing_settle(lane, conn);
	return true;
}

/* A client that publishes is asked by publishing.c, a new one by greeting.c. */
static void resume_client(struct lane *lane, struct bc_conn *conn)
{
	const struct session *session = conn->session;

	if (session->state == SESSION_SERVING && !session->publisher &&
	    request_each(lane, conn) < 0)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_RESET, -ENOMEM);
}

void lane_still_resume(struct lane *lane)
{
	zerocopy_resume(lane);
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		struct bc_conn *conn = &lane->conns.conns[slot];

		if (conn->state != BC_CONN_OPEN)
			continue;
		if (conn->session)
			resume_client(lane, conn);
		else if (conn->role == BCAST_ROLE_RECEIVER &&
			 !conn->half_closed)
			(void)request_watch(lane, conn,
					    &lane->egress.watch_byte);
	}
	closing_run(lane);
}
