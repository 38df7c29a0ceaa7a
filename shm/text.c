/* SPDX-License-Identifier: MIT */
/* text.c - see text.h. */
#include <string.h>

#include "shm/pause.h"
#include "shm/text.h"

#define SNAPSHOT_ATTEMPTS 64

void bc_text_begin(bc_u32 *sequence)
{
	uint32_t now = atomic_load_explicit(sequence, memory_order_relaxed);

	/* | 1: an earlier writer may have died between begin and end */
	atomic_store_explicit(sequence, (now | 1u), memory_order_relaxed);
	/* pairs with the acquire fence in bc_text_snapshot() */
	atomic_thread_fence(memory_order_release);
}

void bc_text_end(bc_u32 *sequence)
{
	uint32_t now = atomic_load_explicit(sequence, memory_order_relaxed);
	uint32_t next = now + 1;

	/* 0 says "never filled": pass over it; pairs with the acquire load */
	atomic_store_explicit(sequence, next ? next : 2, memory_order_release);
}

void bc_text_set(char *field, size_t size, const char *text)
{
	/* strncpy is made for this: cuts, and fills the rest with zeroes */
	(void)strncpy(field, text, size - 1);
	field[size - 1] = '\0';
}

bool bc_text_snapshot(void *copy, const void *entry, size_t size,
		      const bc_u32 *sequence)
{
	for (unsigned attempt = 0; attempt < SNAPSHOT_ATTEMPTS; attempt++) {
		uint32_t before, after;

		before = atomic_load_explicit(sequence, memory_order_acquire);
		if (before == 0)
			return false;
		memcpy(copy, entry, size);
		/* pairs with the release fence in bc_text_begin() */
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(sequence, memory_order_relaxed);
		if (before == after && before % 2 == 0)
			return true;
		bc_pause();
	}
	return false;
}

void bc_text_get(char *target, size_t target_size, const char *field,
		 size_t field_size)
{
	size_t length = strnlen(field, field_size);

	if (length > target_size - 1)
		length = target_size - 1;
	for (size_t i = 0; i < length; i++) {
		/* one load: the field may change between check and copy */
		char byte = *(const volatile char *)&field[i];

		if (byte < ' ' || byte > '~')
			byte = '?';
		target[i] = byte;
	}
	target[length] = '\0';
}
