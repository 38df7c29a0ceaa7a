/* SPDX-License-Identifier: MIT */
/*
 * node_table.h - a process's view of the registry: its slots, and who is alive.
 * Away with the dead: node_sweep.h. What a slot says of its node: node_info.h.
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

/* bc_node_table_changed - tell watchers that somebody joined or went. */
void bc_node_table_changed(const struct bc_node_table *table);

#endif
