/* SPDX-License-Identifier: MIT */
/*
 * placement.h - on which NUMA node the stream's memory is to be (--numa-node).
 *
 * The daemon's own memory policy is set for as long as the segment is being
 * allocated, and set back. So shm/ knows nothing of it, and readers need no
 * libnuma. The node is preferred, not insisted on: a full node then means
 * slower memory, and not the out-of-memory killer. What came of it is asked of
 * the kernel and reported (memory_report.h).
 */
#ifndef SRC_PLACEMENT_H
#define SRC_PLACEMENT_H

#include <stdbool.h>

/* Zeroed is: nothing was changed. */
struct placement {
	bool changed;
	int old_mode;
	unsigned long old_nodes[16];
};

/* placement_is_possible - does this machine have that node, with memory? */
bool placement_is_possible(int node);

/*
 * placement_check - the same, for the daemon: -1 is any. Returns 0, or an exit
 * code of sysexits.h after logging why not.
 */
int placement_check(int node);

/*
 * placement_begin - allocate on this node from here on; -1 changes nothing, and
 * where there is but one node, or the kernel refuses, the log says so.
 */
void placement_begin(struct placement *placement, int node);

/* placement_end - allocate as before. Safe on one that changed nothing. */
void placement_end(struct placement *placement);

#endif
