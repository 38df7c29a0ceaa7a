/* SPDX-License-Identifier: MIT */
/*
 * client_report.h - what a node adds to a reader: it shows in the node's slot
 * how far it is. A reader without a node has no report, and pays one test of a
 * pointer.
 */
#ifndef BC_CLIENT_REPORT_H
#define BC_CLIENT_REPORT_H

#include <bcast/bcast.h>

#include "shm/histogram.h"
#include "shm/node.h"
#include "shm/sleepers.h"

/* The node's, which outlives the reader's use of it. */
struct bc_node_report {
	struct bc_node *node;
	struct bcast_reader *reader; /* NULL: none */
	bool gating;		     /* bcast_gate() is in force, or was */
	bool light;		     /* bc_sleepers_light_fence() */
	uint64_t gate_told; /* where the writer was last told that we moved */
};

/* A writer waits for us; tell it, if we have come far enough. */
void bc_node_report_moved(struct bc_node_report *report, uint64_t cursor);

/* The gate, if it is one, is none any more. */
void bc_node_report_gate_end(struct bc_node_report *report);

static inline void bc_node_report_set(bc_u64 *field, uint64_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
}

/*
 * The cursor, and the writer that may wait for it (gate.h). That one looks at
 * the cursor behind a heavy fence; ours is light (writer.c, sleep_for_gates()).
 */
static inline void bc_node_report_cursor(struct bc_node_report *report,
					 uint64_t cursor)
{
	const struct bc_registry_shm *registry = report->node->table->header;

	/* release: what stands before it is not used any more */
	atomic_store_explicit(&report->node->slot->cursor, cursor,
			      memory_order_release);
	if (!report->gating)
		return;
	bc_sleepers_light_fence(report->light);
	if (atomic_load_explicit(&registry->gate_wanted, memory_order_relaxed))
		bc_node_report_moved(report, cursor);
}

static inline void bc_node_report_progress(struct bc_node_report *report,
					   uint64_t cursor, uint64_t bytes)
{
	if (!bc_node_is_ours(report->node))
		return;
	bc_node_report_set(&report->node->slot->bytes, bytes);
	bc_node_report_cursor(report, cursor);
}

static inline void bc_node_report_lapped(struct bc_node_report *report,
					 const struct bcast_loss *loss)
{
	struct bc_node_shm *slot = report->node->slot;

	if (!bc_node_is_ours(report->node))
		return;
	bc_node_report_set(&slot->laps, loss->laps);
	bc_node_report_set(&slot->lost_bytes, loss->total_bytes);
	bc_node_report_cursor(report, loss->to);
}

static inline void bc_node_report_waited(const struct bc_node_report *report,
					 uint64_t waits, uint64_t parks)
{
	struct bc_node_shm *slot = report->node->slot;

	if (!bc_node_is_ours(report->node))
		return;
	bc_node_report_set(&slot->waits, waits);
	bc_node_report_set(&slot->parks, parks);
}

static inline void bc_node_report_latency(const struct bc_node_report *report,
					  uint64_t latency_ns, uint64_t max_ns)
{
	struct bc_node_shm *slot = report->node->slot;

	if (!bc_node_is_ours(report->node))
		return;
	bc_histogram_record(&slot->latency, latency_ns);
	bc_node_report_set(&slot->latency_max_ns, max_ns);
}

/*
 * The reader is about to sleep, and says so before its last look for data: see
 * registry.sleepers. Who dies in between leaves the count one too high.
 */
static inline void bc_node_report_asleep(const struct bc_node_report *report)
{
	if (!bc_node_is_ours(report->node))
		return;
	atomic_fetch_add_explicit(&report->node->table->header->sleepers, 1,
				  memory_order_seq_cst);
	atomic_store_explicit(&report->node->slot->waiting, 1,
			      memory_order_release);
}

static inline void bc_node_report_awake(const struct bc_node_report *report)
{
	if (!bc_node_is_ours(report->node))
		return;
	atomic_store_explicit(&report->node->slot->waiting, 0,
			      memory_order_release);
	atomic_fetch_sub_explicit(&report->node->table->header->sleepers, 1,
				  memory_order_seq_cst);
}

static inline void bc_node_report_beat(const struct bc_node_report *report)
{
	if (bc_node_is_ours(report->node))
		bc_node_beat(report->node);
}

/* The reader goes: the node is none any more. */
static inline void bc_node_report_end(struct bc_node_report *report)
{
	bc_node_report_gate_end(report);
	report->reader = NULL;
	if (bc_node_is_ours(report->node))
		atomic_fetch_and_explicit(&report->node->slot->role,
					  ~(uint32_t)BCAST_NODE_READER,
					  memory_order_relaxed);
}

#endif
