/* SPDX-License-Identifier: MIT */
/*
 * node_table.h - a process's view of the registry: who is there, who is dead,
 * and away with the dead.
 *
 * Nothing that stands in the pages decides about life or death; the locks do
 * (node_lock.h). The pages are written by every node, so whatever is read here
 * is bounded and cleaned before it is used or shown.
 */
#ifndef BC_NODE_TABLE_H
#define BC_NODE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <bcast/bcast.h>

#include "shm/layout.h"
#include "shm/registry.h"
#include "shm/registry_check.h"
#include "shm/segment.h"

/* fd < 0 is detached. */
struct bc_node_table {
	int fd; /* of the registry; its description holds the locks */
	bool writable;
	struct bc_registry_shm *header;
	struct bc_registry_geometry geometry;
	struct bc_segment segment; /* control view: tail, epoch */
};

/*
 * bc_node_table_attach - map header and slots of a stream's registry, after
 * checking all that can be checked, and the control block of its segment.
 *
 * need_write: fail without write permission; else fall back to reading, where
 * the dead are seen but not swept. Results as bc_segment_attach(), and
 * BCAST_ENOTREADY while a daemon is replacing the one but not yet the other.
 */
int bc_node_table_attach(struct bc_node_table *table, const char *name,
			 bool need_write);

/* bc_node_table_detach - unmap and close; the locks held through it end. */
void bc_node_table_detach(struct bc_node_table *table);

/*
 * bc_node_table_is_current - 0, or BCAST_ECLOSED when the registry has been
 * removed (its daemon stopped, or another made a new one), BCAST_ETOOSMALL when
 * somebody has truncated it, or -errno.
 */
int bc_node_table_is_current(const struct bc_node_table *table);

/* The slot's page; index < geometry.node_count. */
struct bc_node_shm *bc_node_table_slot(const struct bc_node_table *table,
				       uint32_t index);

/* The two parts of a claim word. */
uint32_t bc_node_claim_state(uint64_t claim);
uint64_t bc_node_claim_make(enum bc_node_state state, uint64_t generation);

/* bc_node_table_is_alive - 1 if a living node has this slot, 0, or -errno. */
int bc_node_table_is_alive(const struct bc_node_table *table, uint32_t index);

/*
 * bc_node_table_wipe - zero all of a slot's page but claim, which the caller
 * has just changed so that nobody takes the page for what it was.
 */
void bc_node_table_wipe(struct bc_node_shm *slot);

/*
 * bc_node_table_clear - empty a slot: claim SWEPT, the inbox's memory given
 * back, page wiped, claim FREE. The caller has the slot's life byte, or its
 * guard byte and found the life byte free. Dying in the middle leaves a slot
 * that the next sweep clears.
 */
void bc_node_table_clear(const struct bc_node_table *table, uint32_t index);

/*
 * bc_node_table_sweep_slot - clear one slot if it is not free and nobody alive
 * has it. Returns 1 if it did, 0, or -errno. Wakes nobody.
 */
int bc_node_table_sweep_slot(const struct bc_node_table *table, uint32_t index);

/* What one look at all slots has found. */
struct bc_node_census {
	uint64_t fingerprint; /* the same while the same nodes are there */
	uint32_t swept;
	uint8_t alive[BC_NODES_MAX];
};

/*
 * bc_node_table_sweep - clear the slots of all who are dead, whatever stands in
 * them, and wake the watchers if there were any. Any number of sweepers may be
 * at it. With a read-only table it only looks. Returns 0 or -errno. Does not
 * block, but the kernel goes through a list of all locks for each slot in use:
 * 64 nodes take some 0.1 ms, 4096 some 0.15 s.
 */
int bc_node_table_sweep(const struct bc_node_table *table,
			struct bc_node_census *census);

/* bc_node_table_changed - tell watchers that somebody joined or went. */
void bc_node_table_changed(const struct bc_node_table *table);

/*
 * bc_node_table_read - describe the node in a slot. `alive`: it is known to be
 * so; else the kernel is asked. Returns 1, 0 if nobody is there (or is just
 * coming or going), or -errno.
 */
int bc_node_table_read(const struct bc_node_table *table, uint32_t index,
		       bool alive, struct bcast_node_info *info);

/*
 * bc_node_table_id_is - whether `id` stands in a slot; not whether it should.
 */
bool bc_node_table_id_is(const struct bc_node_table *table, uint32_t index,
			 const char *id);

#endif
