/* SPDX-License-Identifier: MIT */
/*
 * client_report.c - see client_report.h: of a gating reader, what its writer
 * has to be told.
 *
 * Consuming costs a gating reader one load more, of a word that changes only
 * when a writer has to wait. Such a writer is told when we have gone on by a
 * 64th of the ring or have caught up, and looks by itself every millisecond: so
 * it is not woken for each small record.
 */
#include "shm/client_parts.h"
#include "shm/client_report.h"
#include "shm/gate.h"
#include "shm/notify.h"

#define STEPS_PER_RING 64u

void bc_node_report_moved(struct bc_node_report *report, uint64_t cursor)
{
	struct bc_registry_shm *registry = report->node->table->header;
	const struct bc_ring *ring = &report->reader->ring;

	if (cursor - report->gate_told < ring->capacity / STEPS_PER_RING &&
	    cursor < bc_ring_tail(ring))
		return;
	report->gate_told = cursor;
	atomic_fetch_add_explicit(&registry->gate_moved, 1,
				  memory_order_release);
	(void)bc_notify_wake(&registry->gate_moved);
}

void bc_node_report_gate_end(struct bc_node_report *report)
{
	if (!report->gating)
		return;
	report->gating = false;
	if (!bc_node_is_ours(report->node))
		return;
	atomic_fetch_and_explicit(&report->node->slot->role,
				  ~(uint32_t)BCAST_NODE_GATING,
				  memory_order_seq_cst);
	bc_node_report_set(&report->node->slot->gate_timeout_ns, 0);
	bc_gate_changed(report->node->table);
}
