/* SPDX-License-Identifier: MIT */
/* peers.c - see peers.h. */
#include <string.h>

#include <bcast/monitor.h>

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

/* ---- After a death ----------------------------------------------------- */

/*
 * How many were remembered. An entry that was being written when its writer
 * died is not counted, so its place is the next to be written; numbers that
 * cannot stand where they stand are not believed.
 */
static uint64_t count_remembered(const struct bc_region *region)
{
	const struct bc_closed_shm *closed =
		(const struct bc_closed_shm *)(const void *)region->base;
	uint64_t count = 0;

	for (uint32_t i = 0; i < region->count; i++) {
		uint32_t sequence = atomic_load_explicit(&closed[i].sequence,
							 memory_order_relaxed);
		uint64_t number = closed[i].number;

		if (sequence != 0 && sequence % 2 == 0 &&
		    number % region->count == i && number >= count)
			count = number + 1;
	}
	return count;
}

/* Had the dead one just remembered it, and not yet freed its slot? */
static bool is_remembered(const struct bc_segment *segment,
			  const struct bc_peer_shm *peer)
{
	const struct bc_region *region = &segment->regions[BC_REGION_CLOSED];
	const struct bc_closed_shm *closed =
		(const struct bc_closed_shm *)(const void *)region->base;
	const struct bc_closed_shm *last;

	if (segment->closed_count == 0)
		return false;
	last = &closed[(segment->closed_count - 1) % region->count];
	return last->connected_realtime_ns ==
		       atomic_load_explicit(&peer->connected_realtime_ns,
					    memory_order_relaxed) &&
	       strncmp(last->peer, peer->peer, sizeof(last->peer)) == 0;
}

static void remember_dead(struct bc_segment *segment,
			  const struct bc_peer_shm *peer, uint32_t role)
{
	uint64_t tail = bc_ring_tail(&segment->ring);
	uint64_t cursor =
		atomic_load_explicit(&peer->cursor, memory_order_relaxed);
	bool behind = role == BCAST_ROLE_RECEIVER && cursor < tail;
	char text[BC_ADDRESS];

	bc_text_get(text, sizeof(text), peer->peer, sizeof(peer->peer));
	bc_peers_remember(segment,
			  &(struct bc_peer_closing){
				  .role = role,
				  .reason = BCAST_CLOSE_DAEMON_DIED,
				  .peer = text,
				  .cursor = cursor,
				  .lag = behind ? tail - cursor : 0,
				  .bytes = atomic_load_explicit(
					  &peer->bytes, memory_order_relaxed),
				  .connected_realtime_ns = atomic_load_explicit(
					  &peer->connected_realtime_ns,
					  memory_order_relaxed),
			  });
}

void bc_peers_adopt(struct bc_segment *segment)
{
	const struct bc_region *region = &segment->regions[BC_REGION_PEERS];

	segment->closed_count =
		count_remembered(&segment->regions[BC_REGION_CLOSED]);
	for (uint32_t slot = 0; slot < region->count; slot++) {
		struct bc_peer_shm *peer = bc_peers_slot(segment, slot);
		uint32_t role =
			atomic_load_explicit(&peer->role, memory_order_relaxed);

		if (role == 0)
			continue;
		if (!is_remembered(segment, peer))
			remember_dead(segment, peer, role);
		bc_peers_close(peer);
	}
}
