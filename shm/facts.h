/* SPDX-License-Identifier: MIT */
/* facts.h - facts about the daemon, as text in the segment. */
#ifndef BC_FACTS_H
#define BC_FACTS_H

#include "shm/segment.h"

#define BC_FACT_SLOTS 64u

/*
 * bc_facts_set - say that `key` is `value` (cut to 215 bytes). A key that is
 * there already gets the new value. Returns 0, or BCAST_EFULL. Owner only.
 */
int bc_facts_set(struct bc_segment *segment, const char *key,
		 const char *value);

/* bc_facts_clear - forget all; also those that a dead owner left half said. */
void bc_facts_clear(struct bc_segment *segment);

#endif
