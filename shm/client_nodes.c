/* SPDX-License-Identifier: MIT */
/*
 * client_nodes.c - node.h's view of all nodes: list and watch.
 *
 * What changed is found by comparing fingerprints of the living before and
 * after, not by the membership word: that one only ends a sleep. So a process
 * that dies between its act and its increase of the word, or that writes
 * garbage there, can neither hide a change nor make one up. Death wakes nobody;
 * hence the sleep is in slices, each followed by a sweep. A sweep of thousands
 * of nodes takes a while, so a slice is at least 20 times as long.
 */
#include <errno.h>
#include <stdlib.h>

#include <bcast/bcast.h>

#include "shm/clock.h"
#include "shm/node_info.h"
#include "shm/node_sweep.h"
#include "shm/node_table.h"
#include "shm/notify.h"

#define SLICE_NS       (uint64_t)(100 * BC_NS_PER_MS)
#define SLICE_PER_LOOK 20

struct bcast_nodes {
	struct bc_node_table table;
	struct bc_node_census census; /* of the last look */
	uint64_t fingerprint;	      /* of those whom the caller knows of */
};

int bcast_nodes_open(const char *name, struct bcast_nodes **nodes)
{
	struct bcast_nodes *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return -ENOMEM;
	ret = bc_node_table_attach(&made->table, name, false);
	if (ret < 0) {
		free(made);
		return ret;
	}
	ret = bc_node_sweep_all(&made->table, &made->census);
	if (ret < 0) {
		bcast_nodes_close(made);
		return ret;
	}
	made->fingerprint = made->census.fingerprint;
	*nodes = made;
	return 0;
}

void bcast_nodes_close(struct bcast_nodes *nodes)
{
	if (!nodes)
		return;
	bc_node_table_detach(&nodes->table);
	free(nodes);
}

uint32_t bcast_nodes_limit(const struct bcast_nodes *nodes)
{
	return nodes->table.geometry.node_count;
}

/* Is the registry still there; sweep it. */
static int look(struct bcast_nodes *nodes)
{
	int ret = bc_node_table_is_current(&nodes->table);

	if (ret < 0)
		return ret;
	return bc_node_sweep_all(&nodes->table, &nodes->census);
}

int bcast_nodes_list(struct bcast_nodes *nodes, struct bcast_node_info *entries,
		     int max)
{
	struct bcast_node_info found;
	int count = 0;
	int ret = look(nodes);

	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < nodes->table.geometry.node_count; i++) {
		ret = bc_node_info_read(&nodes->table, i,
					nodes->census.alive[i] != 0, &found);
		if (ret < 0)
			return ret;
		if (ret == 0)
			continue;
		if (count < max)
			entries[count] = found;
		count++;
	}
	nodes->fingerprint = nodes->census.fingerprint;
	return count;
}

int bcast_nodes_watch(struct bcast_nodes *nodes, int timeout_ms)
{
	const bc_u32 *word = &nodes->table.header->membership;
	uint64_t now_ns = bc_monotonic_ns();
	uint64_t deadline_ns = UINT64_MAX;

	if (timeout_ms >= 0)
		deadline_ns =
			now_ns + (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS;
	for (;;) {
		/* before the look, so that a change after it ends the sleep */
		uint32_t seen =
			atomic_load_explicit(word, memory_order_acquire);
		uint64_t start_ns = now_ns;
		uint64_t slice_ns;
		int ret = look(nodes);

		if (ret < 0)
			return ret;
		if (nodes->census.fingerprint != nodes->fingerprint) {
			nodes->fingerprint = nodes->census.fingerprint;
			return 1;
		}
		now_ns = bc_monotonic_ns();
		if (now_ns >= deadline_ns)
			return 0;
		slice_ns = (now_ns - start_ns) * SLICE_PER_LOOK;
		if (slice_ns < SLICE_NS)
			slice_ns = SLICE_NS;
		if (slice_ns > deadline_ns - now_ns)
			slice_ns = deadline_ns - now_ns;
		(void)bc_notify_wait(word, seen, (int64_t)slice_ns);
		now_ns = bc_monotonic_ns();
	}
}
