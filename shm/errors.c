/* SPDX-License-Identifier: MIT */
/* errors.c - see errors.h. */
#include <string.h>

#include "shm/errors.h"
#include "shm/text.h"

static uint64_t get(const bc_u64 *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

static void set(bc_u64 *field, uint64_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
}

static bool is_used(const struct bc_error_shm *entry)
{
	return atomic_load_explicit(&entry->sequence, memory_order_relaxed) !=
		       0 &&
	       entry->event[0] != '\0';
}

/* As it was cut: the field's last byte is a terminator. */
static bool is_same(const struct bc_error_shm *entry,
		    const struct bc_error_note *note)
{
	return is_used(entry) &&
	       strncmp(entry->event, note->event, sizeof(entry->event) - 1) ==
		       0 &&
	       strncmp(entry->text, note->text, sizeof(entry->text) - 1) == 0;
}

/* Its own, else a free one, else the one not seen for longest. */
static struct bc_error_shm *place_for(struct bc_error_shm *errors,
				      uint32_t entries,
				      const struct bc_error_note *note)
{
	struct bc_error_shm *best = &errors[0];

	for (uint32_t i = 0; i < entries; i++) {
		struct bc_error_shm *entry = &errors[i];

		if (is_same(entry, note))
			return entry;
		if (!is_used(best))
			continue;
		if (!is_used(entry) || get(&entry->last_realtime_ns) <
					       get(&best->last_realtime_ns))
			best = entry;
	}
	return best;
}

void bc_errors_note(struct bc_error_shm *errors, uint32_t entries,
		    const struct bc_error_note *note)
{
	struct bc_error_shm *entry;

	if (entries == 0)
		return;
	entry = place_for(errors, entries, note);
	if (is_same(entry, note)) {
		set(&entry->count, get(&entry->count) + note->count);
		set(&entry->last_realtime_ns, note->last_realtime_ns);
		return;
	}
	bc_text_begin(&entry->sequence);
	entry->level = note->level;
	set(&entry->count, note->count);
	set(&entry->first_realtime_ns, note->first_realtime_ns);
	set(&entry->last_realtime_ns, note->last_realtime_ns);
	bc_text_set(entry->event, sizeof(entry->event), note->event);
	bc_text_set(entry->text, sizeof(entry->text), note->text);
	bc_text_end(&entry->sequence);
}

void bc_errors_move(struct bc_error_shm *from, struct bc_error_shm *to,
		    uint32_t entries)
{
	for (uint32_t i = 0; i < entries; i++) {
		struct bc_error_shm *entry = &from[i];

		if (!is_used(entry))
			continue;
		bc_errors_note(to, entries,
			       &(struct bc_error_note){
				       .level = entry->level,
				       .event = entry->event,
				       .text = entry->text,
				       .count = get(&entry->count),
				       .first_realtime_ns =
					       get(&entry->first_realtime_ns),
				       .last_realtime_ns =
					       get(&entry->last_realtime_ns),
			       });
		entry->event[0] = '\0';
	}
}
