/* SPDX-License-Identifier: MIT */
/*
 * client_gate.c - node.h's gating readers, the reader's side. The writer's is
 * gate.h.
 */
#include <errno.h>

#include <bcast/bcast.h>

#include "shm/client_parts.h"
#include "shm/client_report.h"
#include "shm/clock.h"
#include "shm/gate.h"

/* From here on each reservation of the writer heeds our cursor. */
static void begin(struct bcast_reader *reader, uint64_t timeout_ns)
{
	struct bc_node_report *report = reader->report;
	struct bc_node_shm *slot = report->node->slot;

	report->light = bc_sleepers_register();
	report->gating = true;
	report->gate_told = reader->position;
	bc_node_report_set(&slot->gate_timeout_ns, timeout_ns);
	atomic_fetch_or_explicit(&slot->role, BCAST_NODE_GATING,
				 memory_order_seq_cst);
	/* fences: what is reserved now we see, what comes sees us */
	bc_gate_changed(report->node->table);
}

int bcast_gate(struct bcast_reader *reader, int timeout_ms)
{
	struct bc_node_report *report = reader->report;

	if (timeout_ms < 0 || timeout_ms > BCAST_GATE_TIMEOUT_MS_MAX)
		return -EINVAL;
	if (!report)
		return -EOPNOTSUPP;
	if (!bc_node_is_ours(report->node))
		return -ECHILD;
	if (timeout_ms == 0) {
		bc_node_report_gate_end(report);
		return 0;
	}
	begin(reader, (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS);
	if (!bc_ring_intact(&reader->ring, reader->position))
		return bc_client_look_lapped(reader);
	return 0;
}

int bcast_gate_state(const struct bcast_reader *reader)
{
	const struct bc_node_report *report = reader->report;

	if (!report || !report->gating || !bc_node_is_ours(report->node))
		return BCAST_GATE_NONE;
	return (atomic_load_explicit(&report->node->slot->role,
				     memory_order_acquire) &
		BCAST_NODE_GATING) != 0
		       ? BCAST_GATE_SET
		       : BCAST_GATE_GIVEN_UP;
}
