/* SPDX-License-Identifier: MIT */
/*
 * gating.c - see gating.h.
 *
 * Everything here that looks at the registry does so by nodes_guarded(), since
 * a node may have cut it short. The counts are the lease's, kept by whoever
 * holds it, so that those of publishers are not lost; the tick shows them.
 */
#include <bcast/monitor.h>

#include "shm/clock.h"
#include "src/gating.h"
#include "src/log.h"
#include "src/nodes.h"

#define PRESS_EVERY_NS ((uint64_t)BC_NS_PER_MS)

static uint64_t reserved_of(const struct daemon *daemon)
{
	return atomic_load_explicit(&daemon->segment.ring.head->reserved,
				    memory_order_relaxed);
}

static int start_inside(struct daemon *daemon, uint32_t unused)
{
	(void)unused;
	return bc_gates_open(&daemon->gating.gates, &daemon->nodes.table,
			     &daemon->segment, BC_GATE_NO_SLOT);
}

void gating_start(struct daemon *daemon)
{
	(void)nodes_guarded(daemon, start_inside, 0);
}

void gating_stop(struct daemon *daemon)
{
	bc_gates_close(&daemon->gating.gates);
}

static int look_inside(struct daemon *daemon, uint32_t unused)
{
	(void)unused;
	daemon->gating.floor =
		bc_gates_floor(&daemon->gating.gates, daemon_tail(daemon),
			       reserved_of(daemon));
	return 0;
}

uint64_t gating_floor(struct daemon *daemon)
{
	/* between the last reservation and this look: see layout.h, GATES */
	atomic_thread_fence(memory_order_seq_cst);
	if (!nodes_guarded(daemon, look_inside, 0))
		return daemon_tail(daemon);
	return daemon->gating.floor;
}

static int press_inside(struct daemon *daemon, uint32_t unused)
{
	uint64_t tail = daemon_tail(daemon);
	uint64_t read_bytes = daemon->ingest.need_bytes != 0
				      ? daemon->ingest.need_bytes
				      : daemon->limits.read_bytes;
	uint64_t needed = tail + read_bytes - daemon->limits.capacity;

	(void)unused;
	(void)bc_gates_press(&daemon->gating.gates, tail, reserved_of(daemon),
			     needed, daemon->home.now_ns);
	return 0;
}

static uint64_t given_up(const struct daemon *daemon)
{
	return atomic_load_explicit(
		&daemon->segment.control->lease.gates_given_up,
		memory_order_relaxed);
}

static void press(struct daemon *daemon)
{
	struct gating *gating = &daemon->gating;
	uint64_t before = given_up(daemon);
	char who[BCAST_NODE_ID_MAX + 1];
	char quoted[4 * BCAST_NODE_ID_MAX + 3];

	gating->next_press_ns = daemon->home.now_ns + PRESS_EVERY_NS;
	(void)nodes_guarded(daemon, press_inside, 0);
	if (given_up(daemon) == before)
		return;
	/* of several at once, the last: the others show it in their slots */
	nodes_name(daemon, gating->gates.given_up, who, sizeof(who));
	log_event(LOG_LEVEL_WARN, "gate_given_up",
		  "node=%s count=%llu fix=\"it stood still for longer than its "
		  "timeout; see bcast-shmstat --nodes\"",
		  log_quote(who, quoted, sizeof(quoted)),
		  (unsigned long long)(given_up(daemon) - before));
}

void gating_hold(struct daemon *daemon)
{
	struct gating *gating = &daemon->gating;

	gating->waiting = true;
	if (daemon->home.now_ns >= gating->next_press_ns)
		press(daemon);
	/* they do not wake us */
	lane_arm(&daemon->home, LANE_PRESS, gating->next_press_ns);
}

void gating_pass(struct daemon *daemon)
{
	if (!daemon->gating.waiting)
		return;
	daemon->gating.waiting = false;
	lane_arm(&daemon->home, LANE_PRESS, TIMERS_NEVER);
	bc_gates_passed(&daemon->gating.gates, daemon->home.now_ns);
}

static void show(struct daemon *daemon, enum bc_counter counter,
		 const bc_u64 *word)
{
	bc_counter_set(daemon->counters, counter,
		       atomic_load_explicit(word, memory_order_relaxed));
}

void gating_tick(struct daemon *daemon)
{
	const struct bc_lease_shm *lease = &daemon->segment.control->lease;

	show(daemon, BC_COUNTER_gate_waits, &lease->gate_waits);
	show(daemon, BC_COUNTER_gate_waited_ns, &lease->gate_waited_ns);
	show(daemon, BC_COUNTER_gates_given_up, &lease->gates_given_up);
}
