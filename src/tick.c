/* SPDX-License-Identifier: MIT */
/* tick.c - see tick.h. */
#include <bcast/monitor.h>

#include "shm/segment.h"
#include "src/closing.h"
#include "src/local.h"
#include "src/name_watch.h"
#include "src/nodes.h"
#include "src/signals.h"
#include "src/tick.h"

#define PROBES_PER_TICK 64u

static void arm_listeners(struct daemon *daemon)
{
	if (daemon->phase != DAEMON_RUNNING)
		return;
	for (uint32_t i = 0; i < daemon->listener_count; i++) {
		struct listener *listener = &daemon->listeners[i];

		if (!listener->armed &&
		    bc_backend_accept(daemon->backend, listener->fd,
				      bc_token_pack(BC_OP_ACCEPT, i, 0)) == 0)
			listener->armed = true;
	}
}

static void gauge_lag(struct daemon *daemon)
{
	uint64_t tail = daemon_tail(daemon);
	uint64_t lag_max = 0;

	for (uint32_t slot = 0; slot < daemon->conns.count; slot++) {
		const struct bc_conn *conn = &daemon->conns.conns[slot];

		if (conn->state == BC_CONN_OPEN &&
		    conn->role == BCAST_ROLE_RECEIVER &&
		    tail - conn->cursor > lag_max)
			lag_max = tail - conn->cursor;
	}
	bc_counter_set(daemon->counters, BC_COUNTER_lag_max_bytes, lag_max);
}

/* Goes round all slots, some each time. */
static void probe_half_closed(struct daemon *daemon)
{
	uint32_t count = daemon->conns.count;
	uint32_t probes = 0;

	for (uint32_t i = 0; i < count && probes < PROBES_PER_TICK; i++) {
		struct bc_conn *conn = &daemon->conns.conns[daemon->probe_slot];

		daemon->probe_slot = (daemon->probe_slot + 1) % count;
		if (conn->state != BC_CONN_OPEN || !conn->half_closed)
			continue;
		probes++;
		closing_probe(daemon, conn);
	}
}

void tick(struct daemon *daemon)
{
	daemon->next_tick_ns = daemon->now_ns + TICK_NS;
	bc_segment_beat(&daemon->segment, daemon->now_ns);
	arm_listeners(daemon);
	gauge_lag(daemon);
	probe_half_closed(daemon);
	closing_run(daemon);
	nodes_tick(daemon);
	local_tick(daemon);
	name_watch_tick(daemon);
	signals_poll();
}
