/* SPDX-License-Identifier: MIT */
/*
 * placement.c - see placement.h.
 *
 * libnuma tells what there is; the policy itself is set by its plain wrappers
 * of the system calls, since numa_set_preferred() prints its errors.
 *
 * Rejected: a policy on the ring's mapping (numa_tonode_memory). The segment is
 * allocated by posix_fallocate(), which goes by the policy of whoever calls it
 * and so covers counters and registry as well.
 */
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <string.h>
#include <sysexits.h>

#include "src/log.h"
#include "src/placement.h"

#define BITS_PER_WORD (8 * sizeof(unsigned long))
#define NODES_MAX     (16 * BITS_PER_WORD)

static bool has_memory(int node)
{
	return node <= numa_max_node() &&
	       numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned)node) &&
	       numa_node_size64(node, NULL) > 0;
}

bool placement_is_possible(int node)
{
	/* any; or the one that is always there */
	return node <= 0 || (numa_available() >= 0 && has_memory(node));
}

int placement_check(int node)
{
	if (placement_is_possible(node))
		return 0;
	log_event(
		LOG_LEVEL_ERROR, "start_failed",
		"option=--numa-node value=%d error=\"this machine has no "
		"such NUMA node, or may not use its memory\" fix=\"choose one "
		"of those that numactl --hardware lists\"",
		node);
	return EX_UNAVAILABLE;
}

static void tell_unplaced(int node, const char *reason)
{
	log_event(LOG_LEVEL_INFO, "numa_node",
		  "node=%d placed=no reason=\"%s\"", node, reason);
}

void placement_begin(struct placement *placement, int node)
{
	unsigned long wanted[16] = {0};

	if (node < 0)
		return;
	if (numa_available() < 0) {
		tell_unplaced(node, "the kernel has no NUMA, or a container's "
				    "filter forbids it");
		return;
	}
	if (numa_max_node() == 0) {
		tell_unplaced(node, "this machine has no other node");
		return;
	}
	wanted[(size_t)node / BITS_PER_WORD] = 1UL
					       << (size_t)node % BITS_PER_WORD;
	if (get_mempolicy(&placement->old_mode, placement->old_nodes, NODES_MAX,
			  NULL, 0) < 0 ||
	    set_mempolicy(MPOL_PREFERRED, wanted, NODES_MAX) < 0) {
		tell_unplaced(node, strerror(errno));
		return;
	}
	placement->changed = true;
	log_event(LOG_LEVEL_INFO, "numa_node", "node=%d placed=yes", node);
}

void placement_end(struct placement *placement)
{
	if (placement->changed)
		(void)set_mempolicy(placement->old_mode, placement->old_nodes,
				    NODES_MAX);
	placement->changed = false;
}
