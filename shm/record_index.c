/* SPDX-License-Identifier: MIT */
/* record_index.c - see record_index.h. */
#include <errno.h>

#include <bcast/bcast.h>

#include "shm/record_index.h"

#define STEPS_PER_RING 256u

static uint64_t get(const bc_u64 *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static struct bc_index_shm *entries_of(const struct bc_segment *segment,
				       uint32_t *count)
{
	const struct bc_region *region = &segment->regions[BC_REGION_INDEX];

	*count = region->base ? region->count : 0;
	return (struct bc_index_shm *)(void *)region->base;
}

uint64_t bc_record_index_step(uint64_t capacity)
{
	return capacity / STEPS_PER_RING;
}

void bc_record_index_add(struct bc_segment *segment,
			 struct bc_record_place place, uint64_t timestamp_ns)
{
	struct bc_index_head_shm *head = &segment->control->index_head;
	uint64_t written = get(&head->written);
	struct bc_index_shm *entry;
	uint32_t count;

	entry = entries_of(segment, &count);
	if (count == 0)
		return;
	entry += written % count;
	atomic_store_explicit(&entry->position, 0, memory_order_relaxed);
	/* pairs with the acquire fence in read_entry() */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&entry->sequence, place.sequence,
			      memory_order_relaxed);
	atomic_store_explicit(&entry->timestamp_ns, timestamp_ns,
			      memory_order_relaxed);
	atomic_store_explicit(&entry->position, place.position,
			      memory_order_release);
	atomic_store_explicit(&head->written, written + 1,
			      memory_order_release);
}

/* False if it is unused, or just being written. */
static bool read_entry(const struct bc_index_shm *entry,
		       struct bc_record_place *place)
{
	place->position =
		atomic_load_explicit(&entry->position, memory_order_acquire);
	place->sequence = get(&entry->sequence);
	/* pairs with the release fence in bc_record_index_add() */
	atomic_thread_fence(memory_order_acquire);
	return place->position != 0 && place->sequence != 0 &&
	       place->position % BCAST_PACKET_ALIGN == 0 &&
	       get(&entry->position) == place->position;
}

struct bc_record_place bc_record_index_from(const struct bc_segment *segment,
					    uint64_t position)
{
	struct bc_record_place best = bc_record_tail(&segment->ring);
	const struct bc_index_shm *entries;
	uint32_t count;

	entries = entries_of(segment, &count);
	for (uint32_t i = 0; i < count; i++) {
		struct bc_record_place place;

		if (read_entry(&entries[i], &place) &&
		    place.position >= position &&
		    place.position < best.position)
			best = place;
	}
	return best;
}

/* The last known place at or before `position`; the stream's birth if none. */
static struct bc_record_place last_before(const struct bc_segment *segment,
					  uint64_t position)
{
	struct bc_record_place best = {.position = 0, .sequence = 1};
	const struct bc_index_shm *entries;
	uint32_t count;

	entries = entries_of(segment, &count);
	for (uint32_t i = 0; i < count; i++) {
		struct bc_record_place place;

		if (read_entry(&entries[i], &place) &&
		    place.position <= position &&
		    place.position > best.position)
			best = place;
	}
	return best;
}

int bc_record_index_exact(const struct bc_segment *segment, uint64_t position,
			  struct bc_record_place *place)
{
	const struct bc_ring *ring = &segment->ring;
	struct bc_record_place at = last_before(segment, position);

	while (at.position < position) {
		const struct bcast_packet_header *header =
			bc_record_at(ring, at.position);
		uint64_t size = bcast_packet_size(bc_record_length(header));
		bool right = header->sequence == at.sequence;

		if (!bc_ring_intact(ring, at.position))
			return BCAST_ELAPPED;
		if (!right || size > position - at.position)
			return -EINVAL;
		at.position += size;
		at.sequence++;
	}
	*place = at;
	return 0;
}
