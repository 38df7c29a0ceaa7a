/* SPDX-License-Identifier: MIT */
/* counters.c - counters.def as data. */
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
