/* SPDX-License-Identifier: MIT */
/*
 * inbox_pages.h - the memory of inboxes: there while their slot has a tenant.
 */
#ifndef BC_INBOX_PAGES_H
#define BC_INBOX_PAGES_H

#include <stdint.h>

#include "shm/inbox.h"
#include "shm/node_table.h"

struct bc_node;

/* bc_inbox_map - map one slot's inbox. Returns 0 or -errno. */
int bc_inbox_map(struct bc_inbox *inbox, const struct bc_node_table *table,
		 uint32_t slot);

/* bc_inbox_unmap - undo it; shm == NULL is allowed. */
void bc_inbox_unmap(struct bc_inbox *inbox);

/*
 * bc_inbox_open - for the new tenant of a slot, whose claim is CLAIMED and has
 * the new generation: have all pages, map them, and drop what was for the
 * tenant before. Returns 0, -ENOSPC, -EBUSY (a sender to the tenant before has
 * stopped in the middle: this slot cannot be had now), or -errno; nothing is
 * mapped on failure.
 */
int bc_inbox_open(struct bc_inbox_reader *reader, const struct bc_node *me);

/*
 * bc_inbox_give_back - give the pages of records back to the system, unless
 * somebody holds the inbox. The slot is SWEPT, and the caller is the one who
 * clears it (bc_node_sweep_clear()).
 */
void bc_inbox_give_back(const struct bc_node_table *table, uint32_t slot);

/* How an inbox is doing. What others have written there is all it is. */
struct bc_inbox_counts {
	uint64_t used;	  /* bytes waiting; at most its size */
	uint64_t refused; /* sends given up because it was full */
	uint64_t damaged; /* records and cursors found to be nonsense */
};

/*
 * bc_inbox_count - by a system call, as it may not be mapped, nor writable.
 * All zero if it cannot be read.
 */
struct bc_inbox_counts bc_inbox_count(const struct bc_node_table *table,
				      uint32_t slot);

#endif
