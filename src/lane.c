/* SPDX-License-Identifier: MIT */
/* lane.c - see lane.h. */
#include <bcast/monitor.h>

#include "shm/assert.h"
#include "src/closing.h"
#include "src/egress.h"
#include "src/ingest.h"
#include "src/lane.h"
#include "src/roles.h"
#include "src/zerocopy.h"

#define PROBES_PER_TICK 64u

int lane_init(struct lane *lane, uint32_t max_connections)
{
	egress_init(&lane->egress);
	socket_memory_ask(&lane->socket_memory);
	lane->busy_poll.budget_ns = (uint64_t)lane->config->busy_poll_us * 1000;
	/* without it, half-closed receivers are found out when sent to */
	(void)bc_peer_socket_open(&lane->peer_socket);
	return bc_conn_table_init(&lane->conns, max_connections);
}

void lane_fini(struct lane *lane)
{
	bc_conn_table_fini(&lane->conns);
	bc_peer_socket_close(&lane->peer_socket);
}

/* A thread's lane has no senders, so nobody can become one there. */
static bool becomes_sender(struct lane *lane, struct bc_conn *conn)
{
	return lane->daemon && roles_offer_promotion(lane->daemon, conn);
}

static void on_watch(struct lane *lane, struct bc_conn *conn, int result)
{
	switch (egress_on_watch(lane, conn, result)) {
	case EGRESS_HAS_SENT:
		if (!becomes_sender(lane, conn))
			egress_discard(lane, conn);
		break;
	case EGRESS_HALF_CLOSED:
		closing_probe(lane, conn);
		break;
	case EGRESS_NO_NEWS:
		break;
	}
}

static void on_send_zc(struct lane *lane, struct bc_conn *conn, uint32_t number,
		       const struct bc_event *event)
{
	if (event->flags & BC_EVENT_NOTIF) {
		zerocopy_on_notified(lane, conn, number, event);
		return;
	}
	conn->in_flight &= ~BC_CONN_SEND_ZC;
	egress_on_sent(lane, conn,
		       zerocopy_on_result(lane, conn, number, event));
}

void lane_dispatch(struct lane *lane, struct bc_token token,
		   const struct bc_event *event)
{
	struct bc_conn *conn = bc_conn_by_token(&lane->conns, token);
	int result = event->result;

	if (token.op == BC_OP_NONE)
		return;
	BC_ASSERT(conn); /* a slot is not freed with requests in flight */
	switch (token.op) {
	case BC_OP_RECV:
		BC_ASSERT(lane->daemon);
		conn->in_flight &= ~BC_CONN_RECV;
		ingest_on_recv(lane->daemon, conn, result);
		break;
	case BC_OP_SEND:
		conn->in_flight &= ~BC_CONN_SEND;
		egress_on_sent(lane, conn, result);
		break;
	case BC_OP_SEND_ZC:
		on_send_zc(lane, conn, token.number, event);
		break;
	case BC_OP_WATCH:
		conn->in_flight &= ~BC_CONN_WATCH;
		on_watch(lane, conn, result);
		break;
	case BC_OP_DISCARD:
		conn->in_flight &= ~BC_CONN_DISCARD;
		egress_on_discard(lane, conn, result);
		break;
	case BC_OP_ACCEPT:
	case BC_OP_LANES:
	case BC_OP_LOCAL:
	case BC_OP_NEWS:
	case BC_OP_NODE:
	case BC_OP_NONE:
		break;
	}
	closing_settle(lane, conn);
}

void lane_remember(struct lane *lane, const struct bc_peer_closing *closing)
{
	(void)pthread_mutex_lock(lane->closed_lock);
	bc_peers_remember(lane->segment, closing);
	(void)pthread_mutex_unlock(lane->closed_lock);
}

/* Goes round all slots, some each time. */
void lane_tick(struct lane *lane)
{
	uint32_t probes = 0;

	for (uint32_t i = 0; i < lane->conns.count && probes < PROBES_PER_TICK;
	     i++) {
		struct bc_conn *conn = &lane->conns.conns[lane->probe_slot];

		lane->probe_slot = (lane->probe_slot + 1) % lane->conns.count;
		if (conn->state != BC_CONN_OPEN || !conn->half_closed)
			continue;
		probes++;
		closing_probe(lane, conn);
	}
	egress_tick(lane);
	closing_run(lane);
	closing_press(lane, false);
	zerocopy_tick(lane);
}
