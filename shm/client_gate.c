/* SPDX-License-Identifier: MIT */
/*
 * client_gate.c - node.h's gating readers, the reader's side. The writer's is
 * gate.h.
 *
 * Consuming costs a gating reader one load more, of a word that changes only
 * when a writer has to wait. Such a writer is told when we have gone on by a
 * 64th of the ring or have caught up, and looks by itself every millisecond: so
 * it is not woken for each small record.
 */
#include <errno.h>

#include <bcast/bcast.h>

#include "shm/client_reader.h"
#include "shm/clock.h"
#include "shm/gate.h"
#include "shm/notify.h"

#define STEPS_PER_RING 64u

void bc_client_gate_moved(struct bc_node_report *report, uint64_t cursor)
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

void bc_client_gate_end(struct bc_node_report *report)
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
		bc_client_gate_end(report);
		return 0;
	}
	begin(reader, (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS);
	if (!bc_ring_intact(&reader->ring, reader->position))
		return bc_client_reader_lapped(reader);
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
