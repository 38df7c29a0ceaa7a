/* SPDX-License-Identifier: MIT */
/* peers.c - see peers.h. */
#include "shm/assert.h"
#include "shm/clock.h"
#include "shm/peers.h"
#include "shm/text.h"

struct bc_peer_shm *bc_peers_slot(const struct bc_segment *segment,
				  uint32_t slot)
{
	const struct bc_region *region = &segment->regions[BC_REGION_PEERS];

	BC_ASSERT(slot < region->count);
	return (struct bc_peer_shm *)(void *)region->base + slot;
}

static void set(bc_u64 *field, uint64_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
}

void bc_peers_open(struct bc_peer_shm *entry,
		   const struct bc_peer_opening *opening)
{
	bc_text_begin(&entry->sequence);
	bc_text_set(entry->peer, sizeof(entry->peer), opening->peer);
	bc_text_set(entry->local, sizeof(entry->local), opening->local);
	bc_text_end(&entry->sequence);
	set(&entry->cursor, opening->position);
	set(&entry->release, opening->position);
	set(&entry->start_position, opening->position);
	set(&entry->bytes, 0);
	set(&entry->operations, 0);
	set(&entry->short_sends, 0);
	set(&entry->lag_max, 0);
	set(&entry->discarded, 0);
	set(&entry->skipped, 0);
	set(&entry->last_progress_ns, opening->now_ns);
	set(&entry->connected_realtime_ns, bc_realtime_ns());
	atomic_store_explicit(&entry->zerocopy, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->last_error, 0, memory_order_relaxed);
	/* pairs with the acquire load of whoever lists the table */
	atomic_store_explicit(&entry->role, opening->role,
			      memory_order_release);
}

void bc_peers_set_role(struct bc_peer_shm *entry, uint32_t role,
		       uint64_t position)
{
	set(&entry->cursor, position);
	set(&entry->release, position);
	set(&entry->start_position, position);
	set(&entry->bytes, 0);
	set(&entry->operations, 0);
	atomic_store_explicit(&entry->role, role, memory_order_release);
}

void bc_peers_close(struct bc_peer_shm *entry)
{
	atomic_store_explicit(&entry->role, 0, memory_order_release);
}

void bc_peers_remember(struct bc_segment *segment,
		       const struct bc_peer_closing *closing)
{
	const struct bc_region *region = &segment->regions[BC_REGION_CLOSED];
	struct bc_closed_shm *closed =
		(struct bc_closed_shm *)(void *)region->base;
	uint64_t number = segment->closed_count++;
	struct bc_closed_shm *entry = &closed[number % region->count];

	bc_text_begin(&entry->sequence);
	entry->number = number;
	entry->role = closing->role;
	entry->reason = closing->reason;
	entry->error = closing->error;
	entry->cursor = closing->cursor;
	entry->lag = closing->lag;
	entry->bytes = closing->bytes;
	entry->connected_realtime_ns = closing->connected_realtime_ns;
	entry->closed_realtime_ns = bc_realtime_ns();
	bc_text_set(entry->peer, sizeof(entry->peer), closing->peer);
	bc_text_end(&entry->sequence);
}
