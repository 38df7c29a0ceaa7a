/* SPDX-License-Identifier: MIT */
/* tick.c - see tick.h. */
#include <bcast/monitor.h>

#include "shm/segment.h"
#include "src/gating.h"
#include "src/lane_time.h"
#include "src/local.h"
#include "src/log.h"
#include "src/name_watch.h"
#include "src/nodes.h"
#include "src/receivers.h"
#include "src/remote_nodes.h"
#include "src/signals.h"
#include "src/successor.h"
#include "src/tick.h"

static void arm_listeners(struct daemon *daemon)
{
	if (daemon->phase != DAEMON_RUNNING)
		return;
	for (uint32_t i = 0; i < daemon->listener_count; i++) {
		struct listener *listener = &daemon->listeners[i];

		/* admin.c has a thread that accepts there */
		if (!listener->armed && listener->role != CONFIG_ROLE_ADMIN &&
		    bc_backend_accept(daemon->backend, listener->fd,
				      bc_token_pack(BC_OP_ACCEPT, i, 0)) == 0)
			listener->armed = true;
	}
}

void tick(struct daemon *daemon)
{
	bc_segment_beat(&daemon->segment, daemon->home.now_ns);
	arm_listeners(daemon);
	lane_time_tick(&daemon->home);
	receivers_tick(daemon);
	nodes_tick(daemon);
	remote_nodes_tick(daemon);
	gating_tick(daemon);
	local_tick(daemon);
	name_watch_tick(daemon);
	service_notify_tick(daemon);
	signals_poll();
	if (signals_take_succession() && daemon->phase == DAEMON_RUNNING)
		successor_start();
}
