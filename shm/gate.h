/* SPDX-License-Identifier: MIT */
/*
 * gate.h - the writer's side of gating readers (layout.h, GATES): the lowest
 * position that any of them still needs, and for whom to wait no longer.
 *
 * The writer looks at their cursors only when it needs room. It knows their
 * slots from a list, which is made anew when registry.membership or
 * gate_changes say so; without gates a look is two loads.
 *
 * Any node may write to these pages, so nothing there is taken at its word. A
 * cursor beyond the tail, or so far back that it has been lapped already, holds
 * nobody up. Whether a node lives the locks decide, and how long it has stood
 * still is measured here, up to BC_GATE_TIMEOUT_NS_MAX whatever the page says.
 * So a faulty node stops the writer for that long at most, unless it keeps
 * saying that it moves; who may join is trusted that far.
 *
 * A gate that was given up is ended, not suspended: it is set up again by its
 * reader, which learns in this way that it may have lost something. Were it
 * to count again as soon as it moves, one that crawls would stop the writer
 * again and again.
 */
#ifndef BC_GATE_H
#define BC_GATE_H

#include <stdbool.h>
#include <stdint.h>

/* these two for src/nodes.c, which comes by them here */
#include "shm/node_table.h"

#define BC_GATE_TIMEOUT_NS_MAX (UINT64_C(60) * 1000 * 1000 * 1000)
#define BC_GATE_NO_SLOT	       UINT32_MAX

/* What the writer remembers of a slot. */
struct bc_gate {
	uint64_t claim;	   /* of the node; 0: none */
	uint64_t cursor;   /* where it was */
	uint64_t since_ns; /* in the way since then at that place; 0: not */
	bool dead;	   /* that node is; its slot is not swept yet */
};

struct bc_gates {
	const struct bc_node_table *table; /* writable; header may go NULL */
	struct bc_lease_shm *lease;	   /* for the counts */
	uint64_t capacity;
	uint32_t own;	       /* the writer's own node, never waited for */
	struct bc_gate *gates; /* one a slot */
	uint32_t *list;	       /* the slots that gate */
	uint32_t count;	       /* of these */
	uint32_t membership;   /* as of the list */
	uint32_t changes;
	uint64_t waiting_since_ns; /* 0: not */
	uint32_t given_up;	   /* the slot that was so last */
};

/*
 * bc_gates_open - `own`: the slot of the writer's own node (its reader belongs
 * to the same thread, and could never move while that waits), or
 * BC_GATE_NO_SLOT. The table outlives this. Returns 0 or -ENOMEM.
 */
int bc_gates_open(struct bc_gates *gates, const struct bc_node_table *table,
		  const struct bc_segment *segment, uint32_t own);

/* bc_gates_close - free it. Idempotent, safe on a zeroed struct. */
void bc_gates_close(struct bc_gates *gates);

/*
 * bc_gates_floor - the lowest position that a gating reader still needs, or
 * `tail` if there is none below it. Bytes up to `reserved` may be overwritten
 * already. To be asked after a full fence behind the last store of reserved.
 */
uint64_t bc_gates_floor(struct bc_gates *gates, uint64_t tail,
			uint64_t reserved);

/*
 * bc_gates_press - the writer waits for the floor to reach `needed`: drop those
 * below it who are dead, give up those who have not moved for too long.
 * Returns whether there were any. A system call for each who is in the way, so
 * ask once a millisecond. Starts the count of the time waited.
 */
bool bc_gates_press(struct bc_gates *gates, uint64_t tail, uint64_t reserved,
		    uint64_t needed, uint64_t now_ns);

/* bc_gates_passed - the writer waits for them no more. Idempotent. */
void bc_gates_passed(struct bc_gates *gates, uint64_t now_ns);

/*
 * bc_gate_is_late - is at `cursor` now, and in the way: has it been there for
 * longer than it said? Remembers what it must. Pure arithmetic.
 */
bool bc_gate_is_late(struct bc_gate *gate, uint64_t cursor, uint64_t timeout_ns,
		     uint64_t now_ns);

/*
 * bc_gate_needs - the first position that a reader at `cursor` still needs, as
 * far as it can be believed; `tail` if that is none. Pure arithmetic.
 */
uint64_t bc_gate_needs(uint64_t cursor, uint64_t tail, uint64_t reserved,
		       uint64_t capacity);

/*
 * bc_gate_changed - tell writers that a gate was set up, or has ended; wake
 * one that waits. Full fence before and after.
 */
void bc_gate_changed(const struct bc_node_table *table);

#endif
