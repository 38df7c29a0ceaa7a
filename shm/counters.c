/* SPDX-License-Identifier: MIT */
/* counters.c - counters.def as data. */
#include <stdbool.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/counters.h"
#include "shm/text.h"

struct description {
	const char *name, *unit, *help;
	uint32_t kind;
};

static const struct description descriptions[BC_COUNTER_COUNT] = {
#define BC_COUNTER(name, kind, unit, help) \
	[BC_COUNTER_##name] = {#name, unit, help, BCAST_##kind},
#include "shm/counters.def"
#undef BC_COUNTER
};

static_assert(BC_COUNTER_COUNT <= BC_COUNTER_SLOTS, "room for all counters");

void bc_counters_describe(struct bc_counter_shm *counters)
{
	for (unsigned i = 0; i < BC_COUNTER_COUNT; i++) {
		const struct description *from = &descriptions[i];
		struct bc_counter_shm *to = &counters[i];

		bc_text_set(to->name, sizeof(to->name), from->name);
		bc_text_set(to->unit, sizeof(to->unit), from->unit);
		bc_text_set(to->help, sizeof(to->help), from->help);
		to->kind = from->kind;
	}
}

/* Does the region hold just our counters? Helps may be worded otherwise. */
static bool is_ours(const struct bc_counter_shm *counters)
{
	for (unsigned i = 0; i < BC_COUNTER_COUNT; i++) {
		const struct description *ours = &descriptions[i];
		const struct bc_counter_shm *found = &counters[i];

		if (found->kind != ours->kind ||
		    strncmp(found->name, ours->name, sizeof(found->name)) !=
			    0 ||
		    strncmp(found->unit, ours->unit, sizeof(found->unit)) != 0)
			return false;
	}
	for (unsigned i = BC_COUNTER_COUNT; i < BC_COUNTER_SLOTS; i++)
		if (counters[i].name[0] != '\0')
			return false;
	return true;
}

/* All names go first: what is half done after that is nobody's. */
static void clear_all(struct bc_counter_shm *counters)
{
	for (unsigned i = 0; i < BC_COUNTER_SLOTS; i++)
		bc_text_set(counters[i].name, sizeof(counters[i].name), "");
	/* in this order for the next adopter too: it sees what we stored */
	atomic_signal_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < BC_COUNTER_SLOTS; i++)
		atomic_store_explicit(&counters[i].value, 0,
				      memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

void bc_counters_adopt(struct bc_counter_shm *counters)
{
	if (!is_ours(counters))
		clear_all(counters);
	/* bytes that are the same already do not change, not for an instant */
	bc_counters_describe(counters);
	for (unsigned i = 0; i < BC_COUNTER_COUNT; i++)
		if (descriptions[i].kind == BCAST_GAUGE)
			bc_counter_set(counters, i, 0);
}
