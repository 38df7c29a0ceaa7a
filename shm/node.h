/* SPDX-License-Identifier: MIT */
/*
 * node.h - be a node: take a slot under an id, keep it, give it back.
 */
#ifndef BC_NODE_H
#define BC_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/inbox.h"
#include "shm/node_table.h"

/* Who wants to join. */
struct bc_node_identity {
	const char *id; /* valid: bc_name_id_valid() */
	uint32_t roles; /* enum bcast_node_role, bits */
	uint32_t stuck_after_ms;
};

/* A slot that is ours. */
struct bc_node {
	const struct bc_node_table *table;
	uint32_t index;
	struct bc_node_shm *slot; /* NULL: none */
	uint64_t claim;		  /* as we left it: JOINED, once joined */
	uint64_t id_byte;
	struct bc_inbox_reader inbox;
	unsigned char *here; /* 0 in a child that inherited us */
};

/*
 * bc_node_join - take a free slot. `table` is writable, attached for this node
 * alone, and outlives it; its lock description becomes the node's life.
 *
 * Of any number who try to join under one id, exactly one gets the lock on the
 * id's byte, and has it until it leaves or dies. It sweeps the dead that are in
 * its way: namesakes, and when no slot is free, all. So a table is full only of
 * the living.
 *
 * Returns 0, -EEXIST (the id is in use), BCAST_EFULL, -ENOSPC (for the inbox),
 * or -errno. A free slot counts as taken while a sender to its last tenant has
 * stopped in the middle of writing. Blocks for at most some 50 ms, while that,
 * or others who are sweeping, is in the way of the last slots.
 */
int bc_node_join(struct bc_node *node, const struct bc_node_table *table,
		 const struct bc_node_identity *identity);

/*
 * bc_node_leave - give the slot back and tell the watchers. In a forked child
 * it only forgets the slot, which is the parent's. Idempotent.
 */
void bc_node_leave(struct bc_node *node);

/* bc_node_is_ours - false in a child that got the node by fork(). */
static inline bool bc_node_is_ours(const struct bc_node *node)
{
	return *node->here != 0;
}

/* bc_node_beat - a sign of life. Some 10 ns. */
void bc_node_beat(const struct bc_node *node);

/*
 * bc_node_check - 0; BCAST_EPROTO if some other process has written over our
 * slot's claim; else as bc_node_table_is_current().
 */
int bc_node_check(const struct bc_node *node);

/* bc_node_holder - the slot of the living node of that id, or -ENOENT. */
int bc_node_holder(const struct bc_node_table *table, const char *id,
		   struct bcast_node_info *info);

#endif
