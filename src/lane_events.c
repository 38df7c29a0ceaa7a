/* SPDX-License-Identifier: MIT */
/* lane_events.c - see lane_events.h. */
#include "shm/assert.h"
#include "src/closing.h"
#include "src/egress.h"
#include "src/lane_events.h"
#include "src/session_input.h"
#include "src/zerocopy.h"
#include "src/zerocopy_settle.h"

/* Returns whether it has sent something. */
static bool on_watch(struct lane *lane, struct bc_conn *conn, int result)
{
	switch (egress_on_watch(lane, conn, result)) {
	case EGRESS_HAS_SENT:
		return true;
	case EGRESS_HALF_CLOSED:
		closing_probe(lane, conn);
		break;
	case EGRESS_NO_NEWS:
		break;
	}
	return false;
}

static void on_send_zc(struct lane *lane, struct bc_conn *conn, uint32_t number,
		       const struct bc_event *event)
{
	if (event->flags & BC_EVENT_NOTIF) {
		zerocopy_settle_on_notified(lane, conn, number, event);
		return;
	}
	conn->in_flight &= ~BC_CONN_SEND_ZC;
	egress_on_sent(lane, conn,
		       zerocopy_settle_on_result(lane, conn, number, event));
}

struct bc_conn *lane_events_dispatch(struct lane *lane, struct bc_token token,
				     const struct bc_event *event)
{
	struct bc_conn *conn = bc_conn_by_token(&lane->conns, token);
	int result = event->result;
	bool has_sent = false;

	if (token.op == BC_OP_NONE)
		return NULL;
	BC_ASSERT(conn); /* a slot is not freed with requests in flight */
	switch (token.op) {
	case BC_OP_SEND:
		conn->in_flight &= ~BC_CONN_SEND;
		egress_on_sent(lane, conn, result);
		break;
	case BC_OP_SEND_ZC:
		on_send_zc(lane, conn, token.number, event);
		break;
	case BC_OP_WATCH:
		conn->in_flight &= ~BC_CONN_WATCH;
		has_sent = on_watch(lane, conn, result);
		break;
	case BC_OP_DISCARD:
		conn->in_flight &= ~BC_CONN_DISCARD;
		egress_on_discard(lane, conn, result);
		break;
	case BC_OP_EACH:
		session_on_bytes(lane, conn, event);
		break;
	case BC_OP_ACCEPT:
	case BC_OP_HELLO:
	case BC_OP_ECHO_RECV:
	case BC_OP_ECHO_SEND:
	case BC_OP_LANES:
	case BC_OP_LOCAL:
	case BC_OP_MAIL:
	case BC_OP_NEWS:
	case BC_OP_NODE:
	case BC_OP_NONE:
	case BC_OP_PUBLISH:
	case BC_OP_RECV:
	case BC_OP_UPGRADE:
		break;
	}
	closing_settle(lane, conn);
	return has_sent ? conn : NULL;
}
