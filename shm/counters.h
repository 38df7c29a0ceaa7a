/* SPDX-License-Identifier: MIT */
/*
 * counters.h - the daemon's counters, kept in the segment.
 *
 * Any thread of the daemon may add. That is a locked instruction, of a few
 * nanoseconds while no other processor has the line; so threads that would
 * fight for it count on their own, and add now and then (bc_tally_flush).
 */
#ifndef BC_COUNTERS_H
#define BC_COUNTERS_H

#include <stdint.h>

#include "shm/layout.h"

enum bc_counter {
#define BC_COUNTER(name, kind, unit, help) BC_COUNTER_##name,
#include "shm/counters.def"
#undef BC_COUNTER
	BC_COUNTER_COUNT
};

/* Entries of the region: more than there are counters, to leave room. */
#define BC_COUNTER_SLOTS 128u

/* bc_counters_describe - write names, units and helps. The creator, once. */
void bc_counters_describe(struct bc_counter_shm *counters);

/*
 * bc_counters_adopt - make a dead owner's counters ours: gauges are 0, counters
 * go on where they stood. If another build has left others there, all begin
 * anew. Killed at any line, it can be done again. The adopter, once.
 */
void bc_counters_adopt(struct bc_counter_shm *counters);

/*
 * bc_counter_add - add to a counter, or to a gauge; an amount of -1 takes away.
 * Any thread.
 */
static inline void bc_counter_add(struct bc_counter_shm *counters,
				  enum bc_counter which, uint64_t amount)
{
	atomic_fetch_add_explicit(&counters[which].value, amount,
				  memory_order_relaxed);
}

/* bc_counter_set - for gauges that have one writer. */
static inline void bc_counter_set(struct bc_counter_shm *counters,
				  enum bc_counter which, uint64_t value)
{
	atomic_store_explicit(&counters[which].value, value,
			      memory_order_relaxed);
}

static inline uint64_t bc_counter_get(const struct bc_counter_shm *counters,
				      enum bc_counter which)
{
	return atomic_load_explicit(&counters[which].value,
				    memory_order_relaxed);
}

/* A thread's own counts, since it last flushed them. Zeroed: none. */
struct bc_counter_tally {
	uint64_t counts[BC_COUNTER_COUNT];
};

/* bc_tally_add - count; the thread's own business. */
static inline void bc_tally_add(struct bc_counter_tally *tally,
				enum bc_counter which, uint64_t amount)
{
	tally->counts[which] += amount;
}

/* bc_tally_flush - add what was counted to the segment's counters. */
static inline void bc_tally_flush(struct bc_counter_tally *tally,
				  struct bc_counter_shm *counters)
{
	for (unsigned i = 0; i < BC_COUNTER_COUNT; i++) {
		if (tally->counts[i] == 0)
			continue;
		bc_counter_add(counters, (enum bc_counter)i, tally->counts[i]);
		tally->counts[i] = 0;
	}
}

#endif
