/* SPDX-License-Identifier: MIT */
/* facts.c - see facts.h. */
#include <string.h>

#include <bcast/bcast.h>

#include "shm/facts.h"
#include "shm/text.h"

int bc_facts_set(struct bc_segment *segment, const char *key, const char *value)
{
	const struct bc_region *region = &segment->regions[BC_REGION_FACTS];
	struct bc_fact_shm *facts = (struct bc_fact_shm *)(void *)region->base;

	for (uint32_t i = 0; i < region->count; i++) {
		struct bc_fact_shm *fact = &facts[i];

		if (fact->key[0] != '\0' &&
		    strncmp(fact->key, key, sizeof(fact->key) - 1) != 0)
			continue;
		bc_text_begin(&fact->sequence);
		bc_text_set(fact->key, sizeof(fact->key), key);
		bc_text_set(fact->value, sizeof(fact->value), value);
		bc_text_end(&fact->sequence);
		return 0;
	}
	return BCAST_EFULL;
}

void bc_facts_clear(struct bc_segment *segment)
{
	const struct bc_region *region = &segment->regions[BC_REGION_FACTS];
	struct bc_fact_shm *facts = (struct bc_fact_shm *)(void *)region->base;

	for (uint32_t i = 0; i < region->count; i++) {
		struct bc_fact_shm *fact = &facts[i];

		if (atomic_load_explicit(&fact->sequence,
					 memory_order_relaxed) == 0)
			continue;
		/* never back to 0: a slow reader could meet its number again */
		bc_text_begin(&fact->sequence);
		bc_text_set(fact->key, sizeof(fact->key), "");
		bc_text_set(fact->value, sizeof(fact->value), "");
		bc_text_end(&fact->sequence);
	}
}
