/* SPDX-License-Identifier: MIT */
/* log_ring.c - see log_ring.h. */
#include "src/log_ring.h"

#include <stddef.h>
#include <string.h>

/*
 * The turn of slot i: n if line n (n % SLOTS == i) is to be put there, n + 1 if
 * it is there to be taken.
 */
void log_ring_init(struct log_ring *ring)
{
	atomic_store_explicit(&ring->head, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->dropped, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->tail, 0, memory_order_relaxed);
	for (uint64_t i = 0; i < LOG_RING_SLOTS; i++)
		atomic_store_explicit(&ring->slots[i].turn, i,
				      memory_order_relaxed);
}

/* A slot that is ours, with its number in *line; NULL: full. */
static struct log_ring_slot *take_slot(struct log_ring *ring, uint64_t *line)
{
	uint64_t next = atomic_load_explicit(&ring->head, memory_order_relaxed);

	for (;;) {
		struct log_ring_slot *slot =
			&ring->slots[next % LOG_RING_SLOTS];
		/* pairs with the release in log_ring_advance() */
		uint64_t turn =
			atomic_load_explicit(&slot->turn, memory_order_acquire);

		if (turn < next)
			return NULL; /* the last one there is not written */
		if (turn > next) {
			next = atomic_load_explicit(&ring->head,
						    memory_order_relaxed);
			continue;
		}
		/* a failure loads the head: somebody else has got in */
		if (!atomic_compare_exchange_weak_explicit(
			    &ring->head, &next, next + 1, memory_order_relaxed,
			    memory_order_relaxed))
			continue;
		*line = next;
		return slot;
	}
}

bool log_ring_put(struct log_ring *ring, const struct log_record *record)
{
	struct log_ring_slot *slot;
	uint64_t line;

	slot = take_slot(ring, &line);
	if (!slot) {
		atomic_fetch_add_explicit(&ring->dropped, 1,
					  memory_order_relaxed);
		return false;
	}
	memcpy(&slot->record, record,
	       offsetof(struct log_record, text) + record->length);
	slot->record.dropped = log_ring_lost(ring);
	/* pairs with the acquire in log_ring_first() */
	atomic_store_explicit(&slot->turn, line + 1, memory_order_release);
	return true;
}

static uint64_t tail_of(const struct log_ring *ring)
{
	return atomic_load_explicit(&ring->tail, memory_order_relaxed);
}

const struct log_record *log_ring_first(struct log_ring *ring)
{
	uint64_t line = tail_of(ring);
	struct log_ring_slot *slot = &ring->slots[line % LOG_RING_SLOTS];

	/* pairs with the release in log_ring_put() */
	if (atomic_load_explicit(&slot->turn, memory_order_acquire) != line + 1)
		return NULL;
	return &slot->record;
}

void log_ring_advance(struct log_ring *ring)
{
	uint64_t line = tail_of(ring);
	struct log_ring_slot *slot = &ring->slots[line % LOG_RING_SLOTS];

	/* pairs with the acquire in take_slot() */
	atomic_store_explicit(&slot->turn, line + LOG_RING_SLOTS,
			      memory_order_release);
	atomic_store_explicit(&ring->tail, line + 1, memory_order_relaxed);
}

bool log_ring_is_empty(const struct log_ring *ring)
{
	return tail_of(ring) ==
	       atomic_load_explicit(&ring->head, memory_order_relaxed);
}

uint64_t log_ring_lost(struct log_ring *ring)
{
	if (atomic_load_explicit(&ring->dropped, memory_order_relaxed) == 0)
		return 0;
	return atomic_exchange_explicit(&ring->dropped, 0,
					memory_order_relaxed);
}
