/* SPDX-License-Identifier: MIT */
/*
 * node_sweep.h - away with the dead: empty their slots, for whoever comes next.
 */
#ifndef BC_NODE_SWEEP_H
#define BC_NODE_SWEEP_H

#include <stdint.h>

#include "shm/node_table.h"

/*
 * bc_node_sweep_wipe - zero all of a slot's page but claim, which the caller
 * has just changed so that nobody takes the page for what it was.
 */
void bc_node_sweep_wipe(struct bc_node_shm *slot);

/*
 * bc_node_sweep_clear - empty a slot: claim SWEPT, the inbox's memory given
 * back, page wiped, claim FREE. The caller has the slot's life byte, or its
 * guard byte and found the life byte free. Dying in the middle leaves a slot
 * that the next sweep clears.
 */
void bc_node_sweep_clear(const struct bc_node_table *table, uint32_t index);

/*
 * bc_node_sweep_slot - clear one slot if it is not free and nobody alive
 * has it. Returns 1 if it did, 0, or -errno. Wakes nobody.
 */
int bc_node_sweep_slot(const struct bc_node_table *table, uint32_t index);

/* What one look at all slots has found. */
struct bc_node_census {
	uint64_t fingerprint; /* the same while the same nodes are there */
	uint32_t swept;
	uint8_t alive[BC_NODES_MAX];
};

/*
 * bc_node_sweep_all - clear the slots of all who are dead, whatever stands in
 * them, and wake the watchers if there were any. Any number of sweepers may be
 * at it. With a read-only table it only looks. Returns 0 or -errno. Does not
 * block, but the kernel goes through a list of all locks for each slot in use:
 * 64 nodes take some 0.1 ms, 4096 some 0.15 s.
 */
int bc_node_sweep_all(const struct bc_node_table *table,
		      struct bc_node_census *census);

#endif
