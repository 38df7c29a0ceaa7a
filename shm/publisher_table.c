/* SPDX-License-Identifier: MIT */
/*
 * publisher_table.c - see publisher_table.h.
 *
 * kill -9 between any two stores. A dead process's stores are all there, in the
 * order of the program, up to the last that it made: release keeps the compiler
 * from another order. An id is stored last when a slot is taken, and cleared
 * first when it is taken from another, so that no number is ever told to
 * somebody else.
 *
 * `at` is also how long ago an entry was used, in positions: settling, finding
 * and taking set it to the tail.
 */
#include <errno.h>
#include <stdbool.h>

#include <bcast/bcast.h>

#include "shm/publisher_table.h"

static uint64_t get(const bc_u64 *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static void set(bc_u64 *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

static struct bc_publisher_shm *entries_of(const struct bc_segment *segment,
					   uint32_t *count)
{
	const struct bc_region *region =
		&segment->regions[BC_REGION_PUBLISHERS];

	*count = 0;
	if (region->base)
		*count = region->count < BC_PUBLISHER_SLOTS
				 ? region->count
				 : BC_PUBLISHER_SLOTS;
	return (struct bc_publisher_shm *)(void *)region->base;
}

static struct bc_publisher_shm *entry_at(const struct bc_segment *segment,
					 uint32_t slot)
{
	struct bc_publisher_shm *entries;
	uint32_t count;

	entries = entries_of(segment, &count);
	BC_ASSERT(slot < count);
	return &entries[slot];
}

uint64_t bc_publisher_table_accepted(const struct bc_segment *segment,
				     uint32_t slot)
{
	const struct bc_publisher_shm *entry = entry_at(segment, slot);
	/*
	 * In this order. If it is being settled, and the tail then moves, at
	 * is either settled already, or the tail seen behind it is the old
	 * one, or new_number is by now what old_number was.
	 */
	uint64_t at = get(&entry->at);

	return bc_ring_tail(&segment->ring) >= at ? get(&entry->new_number)
						  : get(&entry->old_number);
}

void bc_publisher_table_prepare(struct bc_segment *segment, uint32_t slot,
				uint64_t number, uint64_t tail)
{
	struct bc_publisher_shm *entry = entry_at(segment, slot);

	BC_ASSERT(tail > bc_ring_tail(&segment->ring));
	set(&entry->old_number, bc_publisher_table_accepted(segment, slot));
	set(&entry->at, tail);
	set(&entry->new_number, number);
}

void bc_publisher_table_settle(struct bc_segment *segment)
{
	uint64_t tail = bc_ring_tail(&segment->ring);
	struct bc_publisher_shm *entries;
	uint32_t count;

	entries = entries_of(segment, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (get(&entries[i].at) <= tail)
			continue;
		set(&entries[i].new_number, get(&entries[i].old_number));
		set(&entries[i].at, tail);
	}
}

static bool is_in_use(const uint64_t in_use[BC_PUBLISHER_WORDS], uint32_t slot)
{
	return (in_use[slot / 64] >> (slot % 64)) & 1;
}

/* The one longest unused, free ones first; `count` if there is none. */
static uint32_t pick(const struct bc_publisher_shm *entries, uint32_t count,
		     uint64_t tail, const uint64_t in_use[BC_PUBLISHER_WORDS])
{
	uint64_t oldest = UINT64_MAX;
	uint32_t found = count;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = get(&entries[i].at);

		if (is_in_use(in_use, i) || at > tail)
			continue;
		if (get(&entries[i].id) == 0)
			return i;
		if (at < oldest) {
			oldest = at;
			found = i;
		}
	}
	return found;
}

static void take(struct bc_publisher_shm *entry, uint32_t slot, uint64_t id,
		 uint64_t tail)
{
	set(&entry->id, 0);
	set(&entry->old_number, 0);
	set(&entry->new_number, 0);
	set(&entry->at, tail);
	atomic_store_explicit(&entry->source, bc_publisher_table_source(slot),
			      memory_order_release);
	set(&entry->id, id);
}

int bc_publisher_table_find(struct bc_segment *segment, uint64_t id,
			    const uint64_t in_use[BC_PUBLISHER_WORDS])
{
	uint64_t tail = bc_ring_tail(&segment->ring);
	struct bc_publisher_shm *entries;
	uint32_t count, slot;

	entries = entries_of(segment, &count);
	if (count == 0)
		return -EOPNOTSUPP;
	if (id == 0)
		return -EINVAL;
	for (slot = 0; slot < count; slot++) {
		if (get(&entries[slot].id) != id)
			continue;
		if (get(&entries[slot].at) <= tail)
			set(&entries[slot].at, tail);
		return (int)slot;
	}
	slot = pick(entries, count, tail, in_use);
	if (slot == count)
		return BCAST_EFULL;
	take(&entries[slot], slot, id, tail);
	return (int)slot;
}
