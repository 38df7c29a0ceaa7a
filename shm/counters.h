/* SPDX-License-Identifier: MIT */
/*
 * counters.h - the daemon's counters, kept in the segment.
 *
 * One thread writes a counter, so an addition is a plain load and a plain
 * store: no locked instruction in the data path.
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

/* bc_counter_add - the counter's one writer only. */
static inline void bc_counter_add(struct bc_counter_shm *counters,
				  enum bc_counter which, uint64_t amount)
{
	bc_u64 *value = &counters[which].value;

	atomic_store_explicit(
		value,
		atomic_load_explicit(value, memory_order_relaxed) + amount,
		memory_order_relaxed);
}

/* bc_counter_set - for gauges. The one writer only. */
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

#endif
