/* SPDX-License-Identifier: MIT */
/*
 * text.h - texts in shared memory that change while others read them.
 *
 * A sequence number guards the texts of an entry: odd while they change. One
 * writer. A reader that keeps meeting a change gives up and reports nothing,
 * rather than wait for a writer that may have died in the middle.
 */
#ifndef BC_TEXT_H
#define BC_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "shm/layout.h"

/* bc_text_begin, bc_text_end - bracket the writer's changes to an entry. */
void bc_text_begin(bc_u32 *sequence);
void bc_text_end(bc_u32 *sequence);

/*
 * bc_text_set - copy a string into a field, cut to fit, rest zeroed. Between
 * begin and end, or before anybody can see the entry.
 */
void bc_text_set(char *field, size_t size, const char *text);

/*
 * bc_text_snapshot - copy a whole entry of `size` bytes, whose sequence word is
 * given, to `copy`. False if it was never filled, or kept changing.
 */
bool bc_text_snapshot(void *copy, const void *entry, size_t size,
		      const bc_u32 *sequence);

/*
 * bc_text_get - take a field out of a snapshot as a terminated string that is
 * safe to print: whatever is not printable ASCII becomes '?'.
 */
void bc_text_get(char *target, size_t target_size, const char *field,
		 size_t field_size);

#endif
