/* SPDX-License-Identifier: MIT */
/* client_writer.c - see client_writer.h. */
#include <stdio.h>

#include "shm/client_writer.h"
#include "shm/lease.h"
#include "shm/node_info.h"
#include "shm/peers.h"
#include "shm/text.h"

static void describe_node(const struct bc_node_table *table,
			  struct bcast_writer_info *info)
{
	struct bcast_node_info node;

	if (!table || info->slot >= table->geometry.node_count ||
	    bc_node_info_read(table, info->slot, false, &node) != 1) {
		snprintf(info->who, sizeof(info->who), "slot %u", info->slot);
		return;
	}
	info->pid = node.pid;
	bc_text_set(info->who, sizeof(info->who), node.id);
}

static void describe_sender(const struct bc_segment *segment,
			    struct bcast_writer_info *info)
{
	const struct bc_region *region = &segment->regions[BC_REGION_PEERS];
	const struct bc_peer_shm *entry;
	struct bc_peer_shm copy;

	if (!region->base || info->slot >= region->count)
		return;
	entry = bc_peers_slot(segment, info->slot);
	if (bc_text_snapshot(&copy, entry, sizeof(copy), &entry->sequence))
		bc_text_get(info->who, sizeof(info->who), copy.peer,
			    sizeof(copy.peer));
}

void bc_client_writer_info(const struct bc_segment *segment,
			   const struct bc_node_table *table,
			   struct bcast_writer_info *info)
{
	const struct bc_lease_shm *lease = &segment->control->lease;
	uint64_t holder =
		atomic_load_explicit(&lease->holder, memory_order_acquire);
	struct bcast_writer_info found = {
		.slot = (uint32_t)(holder >> BC_LEASE_SLOT_SHIFT) & 0xffffffu,
		.since_realtime_ns = atomic_load_explicit(&lease->since_ns,
							  memory_order_relaxed),
		.grants = atomic_load_explicit(&lease->grants,
					       memory_order_relaxed),
	};

	*info = (struct bcast_writer_info){.grants = found.grants};
	if (bc_lease_held(segment) != 1)
		return;
	switch (holder & UINT64_C(0xff) << 56) {
	case BC_LEASE_DAEMON:
		found.kind = BCAST_WRITER_SENDER;
		describe_sender(segment, &found);
		break;
	case BC_LEASE_NODE:
		found.kind = BCAST_WRITER_NODE;
		describe_node(table, &found);
		break;
	default: /* being taken or given back */
		return;
	}
	*info = found;
}
