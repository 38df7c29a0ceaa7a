/* SPDX-License-Identifier: MIT */
/* record_index.c - see record_index.h. */
#include <errno.h>

#include <bcast/bcast.h>

#include "shm/record_index.h"

#define STEPS_PER_RING 256u
#define TAIL_TRIES     8

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

/* An entry, read whole. */
struct known {
	struct bc_record_place place;
	uint64_t timestamp_ns;
};

/* False if it is unused, or just being written. */
static bool read_entry(const struct bc_index_shm *entry, struct known *known)
{
	struct bc_record_place *place = &known->place;

	place->position =
		atomic_load_explicit(&entry->position, memory_order_acquire);
	place->sequence = get(&entry->sequence);
	known->timestamp_ns = get(&entry->timestamp_ns);
	/* pairs with the release fence in bc_record_index_add() */
	atomic_thread_fence(memory_order_acquire);
	return place->position != 0 && place->sequence != 0 &&
	       place->position % BCAST_PACKET_ALIGN == 0 &&
	       get(&entry->position) == place->position;
}

/* ---- Known places ------------------------------------------------------ */

static const struct bc_record_place birth = {.position = 0, .sequence = 1};

struct bc_record_place bc_record_index_from(const struct bc_segment *segment,
					    uint64_t position)
{
	struct bc_record_place best = bc_record_tail(&segment->ring);
	const struct bc_index_shm *entries;
	uint32_t count;

	entries = entries_of(segment, &count);
	for (uint32_t i = 0; i < count; i++) {
		struct known known;

		if (read_entry(&entries[i], &known) &&
		    known.place.position >= position &&
		    known.place.position < best.position)
			best = known.place;
	}
	return best;
}

struct bc_record_place bc_record_index_oldest(const struct bc_segment *segment)
{
	uint64_t position = bc_ring_oldest(&segment->ring);

	return position == 0 ? birth : bc_record_index_from(segment, position);
}

/* The last known place at or before both; the stream's birth if none. */
static struct bc_record_place last_before(const struct bc_segment *segment,
					  uint64_t position, uint64_t sequence)
{
	const struct bc_index_shm *entries;
	struct bc_record_place best = birth;
	uint32_t count;

	entries = entries_of(segment, &count);
	for (uint32_t i = 0; i < count; i++) {
		struct known known;

		if (read_entry(&entries[i], &known) &&
		    known.place.position <= position &&
		    known.place.sequence <= sequence &&
		    known.place.position > best.position)
			best = known.place;
	}
	return best;
}

struct bc_record_place bc_record_index_before(const struct bc_segment *segment,
					      uint64_t sequence)
{
	return last_before(segment, UINT64_MAX, sequence);
}

/* The first known place that is as late as that; `end` if none is. */
static struct bc_record_place first_since(const struct bc_segment *segment,
					  uint64_t time_ns,
					  struct bc_record_place end)
{
	const struct bc_index_shm *entries;
	struct bc_record_place best = end;
	uint32_t count;

	entries = entries_of(segment, &count);
	for (uint32_t i = 0; i < count; i++) {
		struct known known;

		if (read_entry(&entries[i], &known) &&
		    known.timestamp_ns >= time_ns &&
		    known.place.position < best.position)
			best = known.place;
	}
	return best;
}

/* The entries that count, from the newest (1) back to the oldest (most). */
struct newest_first {
	const struct bc_index_shm *entries;
	uint32_t count;
	uint32_t next; /* where the next one will be written */
	uint32_t most;
};

/*
 * The oldest may be about to be replaced, so it is left out. Others that are
 * replaced while we look are newer than what we look for, or 0.
 */
static struct newest_first newest_first(const struct bc_segment *segment)
{
	struct newest_first list = {.most = 0};
	uint64_t written;

	list.entries = entries_of(segment, &list.count);
	if (list.count == 0)
		return list;
	/* pairs with the release store in bc_record_index_add() */
	written = atomic_load_explicit(&segment->control->index_head.written,
				       memory_order_acquire);
	list.next = (uint32_t)(written % list.count);
	list.most = written < list.count ? (uint32_t)written : list.count - 1;
	return list;
}

/* Its position if that is no more than `to`, else 0. */
static uint64_t up_to(const struct newest_first *list, uint32_t back,
		      uint64_t to)
{
	uint32_t wrap = back <= list->next ? 0 : list->count;
	uint64_t position =
		get(&list->entries[list->next + wrap - back].position);

	return position <= to ? position : 0;
}

/*
 * Positions decrease from the newest back, so what is asked for is found by
 * halving; and, since who asks is mostly near the end, by doubling before that.
 */
uint64_t bc_record_index_boundary(const struct bc_segment *segment,
				  uint64_t from, uint64_t to)
{
	const struct newest_first list = newest_first(segment);
	uint32_t beyond = 0, within = 1;
	uint64_t found = 0;

	while (within <= list.most && (found = up_to(&list, within, to)) == 0) {
		beyond = within;
		within *= 2;
	}
	if (within > list.most)
		within = list.most + 1;
	while (within - beyond > 1) {
		uint32_t middle = beyond + (within - beyond) / 2;
		uint64_t position = up_to(&list, middle, to);

		if (position == 0) {
			beyond = middle;
			continue;
		}
		found = position;
		within = middle;
	}
	return found > from && found % BCAST_PACKET_ALIGN == 0 ? found : 0;
}

/* ---- Ways between them ------------------------------------------------- */

/*
 * One record on. Returns 0, BCAST_ELAPPED if `at` is gone, -EINVAL if there is
 * another than its number says, or its end is beyond `end`. *timestamp_ns is
 * its own.
 */
static int step_over(const struct bc_ring *ring, struct bc_record_place *at,
		     uint64_t end, uint64_t *timestamp_ns)
{
	const struct bcast_packet_header *header =
		bc_record_at(ring, at->position);
	uint64_t size = bcast_packet_size(bc_record_length(header));
	bool right = header->sequence == at->sequence;

	*timestamp_ns = header->timestamp_ns;
	if (!bc_ring_intact(ring, at->position))
		return BCAST_ELAPPED;
	if (!right || size > end - at->position)
		return -EINVAL;
	at->position += size;
	at->sequence++;
	return 0;
}

int bc_record_index_exact(const struct bc_segment *segment, uint64_t position,
			  struct bc_record_place *place)
{
	struct bc_record_place at = last_before(segment, position, UINT64_MAX);
	uint64_t timestamp_ns;

	while (at.position < position) {
		int ret =
			step_over(&segment->ring, &at, position, &timestamp_ns);

		if (ret < 0)
			return ret;
	}
	*place = at;
	return 0;
}

struct bc_record_place bc_record_index_live(const struct bc_segment *segment)
{
	const struct bc_ring *ring = &segment->ring;
	struct bc_record_place tail = bc_record_tail(ring), place = tail;

	for (unsigned i = 0; i < TAIL_TRIES; i++) {
		place = bc_record_walk(ring, tail, ring->capacity);
		if (tail.sequence != 0 && bc_ring_intact(ring, tail.position))
			break;
		tail = bc_record_tail(ring);
	}
	/* who moved it may be dead: the way there tells its number, too */
	if (place.sequence == 0)
		(void)bc_record_index_exact(segment, place.position, &place);
	return place;
}

static int is_gone(const struct bc_segment *segment,
		   struct bc_record_place *place)
{
	*place = bc_record_index_oldest(segment);
	return BCAST_ELAPPED;
}

int bc_record_index_sequence(const struct bc_segment *segment,
			     uint64_t sequence, struct bc_record_place *place)
{
	struct bc_record_place end = bc_record_index_live(segment);
	struct bc_record_place at = bc_record_index_before(segment, sequence);
	uint64_t timestamp_ns;

	if (sequence == 0 || (end.sequence != 0 && sequence > end.sequence))
		return -EINVAL;
	while (at.sequence < sequence) {
		int ret = -EINVAL;

		if (at.position < end.position)
			ret = step_over(&segment->ring, &at, end.position,
					&timestamp_ns);
		if (ret == BCAST_ELAPPED)
			return is_gone(segment, place);
		if (ret < 0)
			return ret;
	}
	if (!bc_ring_intact(&segment->ring, at.position))
		return is_gone(segment, place);
	*place = at;
	return 0;
}

/*
 * Walk from `at` to the first record that is as late as that, at most to
 * `first`, which is. Returns 0 or BCAST_ELAPPED; *at is how far it got.
 */
static int walk_to_time(const struct bc_ring *ring, uint64_t time_ns,
			struct bc_record_place first,
			struct bc_record_place *at)
{
	while (at->position < first.position) {
		struct bc_record_place next = *at;
		uint64_t timestamp_ns;
		int ret = step_over(ring, &next, first.position, &timestamp_ns);

		if (ret == BCAST_ELAPPED)
			return ret;
		/* damaged: there is no way on but to the next known place */
		if (ret < 0)
			break;
		if (timestamp_ns >= time_ns)
			return 0;
		*at = next;
	}
	*at = first;
	return 0;
}

int bc_record_index_time(const struct bc_segment *segment, uint64_t time_ns,
			 struct bc_record_place *place)
{
	const struct bc_ring *ring = &segment->ring;
	struct bc_record_place end = bc_record_index_live(segment);
	struct bc_record_place first = first_since(segment, time_ns, end);
	struct bc_record_place from = birth, at;

	if (first.position > 0)
		from = last_before(segment, first.position - 1, UINT64_MAX);
	at = from;
	if (walk_to_time(ring, time_ns, first, &at) == 0 &&
	    bc_ring_intact(ring, at.position)) {
		*place = at;
		return 0;
	}
	/* overwritten, at least in part: from what is left of it */
	from = bc_record_index_oldest(segment);
	at = from;
	first = first_since(segment, time_ns, end);
	if (from.position > first.position)
		first = from;
	if (walk_to_time(ring, time_ns, first, &at) == 0 &&
	    at.position > from.position) {
		*place = at;
		return 0;
	}
	return is_gone(segment, place);
}
