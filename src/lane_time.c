/* SPDX-License-Identifier: MIT */
/* lane_time.c - see lane_time.h. */
#include <bcast/monitor.h>

#include "src/closing.h"
#include "src/lane_time.h"
#include "src/progress.h"
#include "src/session.h"
#include "src/session_deadlines.h"
#include "src/slow.h"
#include "src/zerocopy.h"

/* As many as a turn sends to: what they are told goes out with the next. */
#define RINGS_PER_TURN	256u
#define PROBES_PER_TICK 64u

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- Deadlines --------------------------------------------------------- */

static uint64_t look_after_open(struct lane *lane, struct bc_conn *conn)
{
	uint64_t due_ns = TIMERS_NEVER;

	if (conn->role == BCAST_ROLE_RECEIVER)
		due_ns = slow_look_after(lane, conn);
	if (conn->session && conn->state == BC_CONN_OPEN)
		due_ns = min_u64(due_ns, session_look_after(lane, conn));
	return due_ns;
}

static uint64_t look_after(struct lane *lane, struct bc_conn *conn)
{
	switch (conn->state) {
	case BC_CONN_OPEN:
		return look_after_open(lane, conn);
	case BC_CONN_CLOSING:
		return closing_look_after(lane, conn);
	case BC_CONN_FREE:
	case BC_CONN_ENDED:
		break;
	}
	return TIMERS_NEVER;
}

/* The next moment at which timers ring: never before due_ns. */
static uint64_t in_grains(uint64_t due_ns)
{
	uint64_t beyond = due_ns % LANE_GRAIN_NS;

	if (beyond == 0 || due_ns > TIMERS_NEVER - LANE_GRAIN_NS)
		return due_ns;
	return due_ns + (LANE_GRAIN_NS - beyond);
}

bool lane_time_pass(struct lane *lane)
{
	struct timers *timers = &lane->timers;
	bool tick = false;

	for (unsigned i = 0; i < RINGS_PER_TURN; i++) {
		uint32_t timer = timers_take(timers, lane->now_ns);
		uint64_t due_ns;

		if (timer == TIMERS_NONE)
			break;
		if (timer >= lane->conns.count) {
			tick |= timer == lane->conns.count + LANE_TICK;
			continue;
		}
		due_ns = look_after(lane, &lane->conns.conns[timer]);
		/* it may have asked for a look itself */
		timers_arm_by(timers, timer, in_grains(due_ns));
	}
	closing_run(lane);
	return tick;
}

void lane_time_changed(struct lane *lane)
{
	for (uint32_t slot = 0; slot < lane->conns.count; slot++)
		if (lane->conns.conns[slot].state != BC_CONN_FREE)
			lane_look_soon(lane, &lane->conns.conns[slot]);
}

/* ---- Ten times a second ------------------------------------------------ */

/* Goes round all slots, some each time. */
static void probe_half_closed(struct lane *lane)
{
	uint32_t probes = 0;

	if (lane->egress.half_closed == 0)
		return;
	for (uint32_t i = 0; i < lane->conns.count && probes < PROBES_PER_TICK;
	     i++) {
		struct bc_conn *conn = &lane->conns.conns[lane->probe_slot];

		lane->probe_slot = (lane->probe_slot + 1) % lane->conns.count;
		if (conn->state != BC_CONN_OPEN || !conn->half_closed)
			continue;
		probes++;
		closing_probe(lane, conn);
	}
}

void lane_time_tick(struct lane *lane)
{
	/* where the others ring, too */
	lane_arm(lane, LANE_TICK, in_grains(lane->now_ns + LANE_TICK_NS));
	probe_half_closed(lane);
	progress_tick(lane);
	closing_run(lane);
	zerocopy_tick(lane);
}
