/* SPDX-License-Identifier: MIT */
/* counters.c - counters.def as data. */
#include <string.h>

#include <bcast/monitor.h>

#include "shm/counters.h"

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

/* Cut to fit; the target is zeroed memory, so it stays terminated. */
static void copy_text(char *target, const char *text, size_t size)
{
	size_t length = strlen(text);

	if (length > size - 1)
		length = size - 1;
	memcpy(target, text, length);
}

void bc_counters_describe(struct bc_counter_shm *counters)
{
	for (unsigned i = 0; i < BC_COUNTER_COUNT; i++) {
		const struct description *from = &descriptions[i];
		struct bc_counter_shm *to = &counters[i];

		copy_text(to->name, from->name, sizeof(to->name));
		copy_text(to->unit, from->unit, sizeof(to->unit));
		copy_text(to->help, from->help, sizeof(to->help));
		to->kind = from->kind;
	}
}
