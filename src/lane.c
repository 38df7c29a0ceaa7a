/* SPDX-License-Identifier: MIT */
/* lane.c - see lane.h. */
#include "src/lane.h"

/* A connection is in one of these, or one of others' (conn.h). */
enum list {
	LIST_READY = 2,
	LIST_CAUGHT_UP,
	LIST_LATER,
};

static void init_egress(struct egress *egress)
{
	*egress = (struct egress){.patience = UINT64_MAX};
	bc_conn_list_init(&egress->ready, LIST_READY);
	bc_conn_list_init(&egress->caught_up, LIST_CAUGHT_UP);
	bc_conn_list_init(&egress->later, LIST_LATER);
}

int lane_init(struct lane *lane, uint32_t max_connections)
{
	init_egress(&lane->egress);
	socket_memory_ask("", &lane->socket_memory);
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

void lane_remember(struct lane *lane, const struct bc_peer_closing *closing)
{
	(void)pthread_mutex_lock(lane->closed_lock);
	bc_peers_remember(lane->segment, closing);
	(void)pthread_mutex_unlock(lane->closed_lock);
}
