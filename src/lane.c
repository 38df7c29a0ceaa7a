/* SPDX-License-Identifier: MIT */
/* lane.c - see lane.h. */
#include <errno.h>
#include <stdlib.h>

#include "src/lane.h"

/* A connection is in one of these, or one of others' (conn.h). */
enum list {
	LIST_READY = 2,
	LIST_CAUGHT_UP,
	LIST_LATER,
	LIST_HELD,
};

static void init_egress(struct egress *egress)
{
	*egress = (struct egress){.patience = UINT64_MAX};
	bc_conn_list_init(&egress->ready, LIST_READY);
	bc_conn_list_init(&egress->caught_up, LIST_CAUGHT_UP);
	bc_conn_list_init(&egress->later, LIST_LATER);
	bc_conn_list_init(&egress->held, LIST_HELD);
}

int lane_init(struct lane *lane, uint32_t max_connections)
{
	int ret = timers_init(&lane->timers, max_connections + LANE_TIMERS);

	if (ret < 0)
		return ret;
	init_egress(&lane->egress);
	socket_memory_ask("", &lane->socket_memory);
	lane->busy_poll.budget_ns = (uint64_t)lane->config->busy_poll_us * 1000;
	/* without it, half-closed receivers are found out when sent to */
	(void)bc_peer_socket_open(&lane->peer_socket);
	lane->rates = calloc(max_connections, sizeof(lane->rates[0]));
	if (!lane->rates)
		return -ENOMEM;
	return bc_conn_table_init(&lane->conns, max_connections);
}

void lane_fini(struct lane *lane)
{
	bc_conn_table_fini(&lane->conns);
	timers_fini(&lane->timers);
	free(lane->rates);
	lane->rates = NULL;
	bc_peer_socket_close(&lane->peer_socket);
}

void lane_arm(struct lane *lane, enum lane_timer timer, uint64_t due_ns)
{
	timers_arm(&lane->timers, lane->conns.count + timer, due_ns);
}

bool lane_is_due(const struct lane *lane, enum lane_timer timer)
{
	return timers_due(&lane->timers, lane->conns.count + timer) <=
	       lane->now_ns;
}

/* One that has come wakes nobody any more: this turn is what it woke for. */
void lane_arm_by(struct lane *lane, enum lane_timer timer, uint64_t due_ns)
{
	if (lane_is_due(lane, timer))
		lane_arm(lane, timer, due_ns);
	else
		timers_arm_by(&lane->timers, lane->conns.count + timer, due_ns);
}

void lane_look_soon(struct lane *lane, const struct bc_conn *conn)
{
	timers_arm(&lane->timers, bc_conn_slot(&lane->conns, conn), 0);
}

void lane_remember(struct lane *lane, const struct bc_peer_closing *closing)
{
	(void)pthread_mutex_lock(lane->closed_lock);
	bc_peers_remember(lane->segment, closing);
	(void)pthread_mutex_unlock(lane->closed_lock);
}
