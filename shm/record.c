/* SPDX-License-Identifier: MIT */
/* record.c - see record.h. */
#include <bcast/bcast.h>

#include "shm/record.h"

static uint64_t get(const bc_u64 *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

struct bc_record_place bc_record_tail(const struct bc_ring *ring)
{
	const struct bc_head_shm *head = ring->head;
	uint64_t after = get(&head->sequence_after);
	struct bc_record_place place = {.position = get(&head->tail)};

	/* in the reverse of the order in which they are stored */
	if (get(&head->sequence_before) == after &&
	    place.position % BCAST_PACKET_ALIGN == 0)
		place.sequence = after;
	return place;
}

/* The whole record at a place that has been shown, or 0 if it cannot be. */
static uint64_t size_at(const struct bc_ring *ring, uint64_t position,
			uint64_t end)
{
	uint64_t size = bcast_packet_size(
		bc_record_length(bc_record_at(ring, position)));

	return size <= bc_record_max(ring->capacity) && size <= end - position
		       ? size
		       : 0;
}

struct bc_record_place bc_record_walk(const struct bc_ring *ring,
				      struct bc_record_place from,
				      uint64_t bytes_max)
{
	uint32_t rule = bc_record_rule(ring);
	struct bc_record_place at = from;

	if (at.sequence == 0)
		return at;
	while (at.position - from.position < bytes_max &&
	       bc_record_is_shown(ring, at.position, at.sequence, rule)) {
		uint64_t reserved = get(&ring->head->reserved);
		uint64_t size;

		if (reserved <= at.position)
			break;
		size = size_at(ring, at.position, reserved);
		if (size == 0)
			break;
		at.position += size;
		at.sequence++;
	}
	/* a length that was being overwritten has led anywhere */
	return bc_ring_intact(ring, from.position) ? at : from;
}

/*
 * A holder that died between the stores of bc_record_flush() has left two
 * numbers; only one of them goes with the tail. If tail had not moved yet, the
 * record that begins there, which it was flushing past, has the older one. If
 * it had, nothing can stand there under that number, since the place was made
 * invalid. A taker that dies in turn was storing the same two: its walk comes
 * to where the dead one was flushing to (tests/model/tail.pml).
 */
static uint64_t sequence_at_tail(const struct bc_ring *ring, uint64_t tail)
{
	uint64_t before = get(&ring->head->sequence_before);
	uint64_t after = get(&ring->head->sequence_after);

	if (before != after &&
	    get(bc_record_word(bc_record_at(ring, tail))) == after)
		return after;
	return before;
}

int bc_record_takeover(const struct bc_ring *ring,
		       struct bc_record_place *place)
{
	uint64_t reserved = get(&ring->head->reserved);
	struct bc_record_place at = {.position = get(&ring->head->tail)};

	if (reserved < at.position || reserved - at.position > ring->capacity ||
	    at.position % BCAST_PACKET_ALIGN != 0)
		return BCAST_EPROTO;
	at.sequence = sequence_at_tail(ring, at.position);
	if (at.sequence == 0)
		return BCAST_EPROTO;
	at = bc_record_walk(ring, at, reserved - at.position);
	bc_record_flush(ring, at.position, at.sequence);
	*place = at;
	return 0;
}

void bc_record_set_rule(const struct bc_ring *ring, enum bc_publish_rule rule)
{
	bc_u32 *word = &ring->head->publish_rule;
	uint32_t old = atomic_load_explicit(word, memory_order_relaxed);

	if ((old & BC_RULE_HEADER) == (uint32_t)rule)
		return;
	if (rule == BC_RULE_HEADER) {
		uint64_t tail = bc_ring_tail(ring);

		(void)bc_ring_reserve(ring, BC_RECORD_HEADER);
		bc_record_invalidate(ring, tail);
	}
	/* pairs with bc_record_rule() */
	atomic_store_explicit(word, old + 1, memory_order_release);
	/* pairs with the second look in bc_record_is_shown() */
	atomic_thread_fence(memory_order_release);
}
