/* SPDX-License-Identifier: MIT */
/*
 * message.h - what is sent, and how deep it is read.
 *
 * Each message carries its number in its first 8 bytes, and each reader checks
 * it. The application has its messages in memory of its own, in the nearest
 * cache; they are numbered half a turn before they are sent: a processor that
 * loads 16 bytes of which 8 were stored just now waits for the store, and that
 * would be measured instead.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MESSAGE_LINE	   64
#define MESSAGE_POOL_BYTES 4096 /* at least one message */
#define MESSAGE_MAX	   65536

struct message_source {
	uint64_t next;
	size_t size;
	unsigned count; /* a power of two */
	_Alignas(64) uint8_t pool[MESSAGE_MAX];
};

/* How many bytes of a message a reader loads. */
enum message_depth {
	MESSAGE_HEAD = 0,  /* T0: its number, in its first 8 bytes */
	MESSAGE_LINES = 1, /* T1: that, and a word of every cache line */
};

static inline uint8_t *message_slot(struct message_source *source, uint64_t n)
{
	return source->pool + (n & (source->count - 1)) * source->size;
}

static inline void message_number(struct message_source *source, uint64_t n)
{
	memcpy(message_slot(source, n), &n, sizeof(n));
}

static inline void message_start(struct message_source *source, size_t size)
{
	source->size = size;
	source->next = 0;
	source->count = 1;
	while (source->count * 2 * size <= MESSAGE_POOL_BYTES)
		source->count *= 2;
	memset(source->pool, 0x5a, sizeof(source->pool));
	for (uint64_t n = 0; n < source->count / 2; n++)
		message_number(source, n);
}

static inline const void *message_next(struct message_source *source)
{
	const uint64_t n = source->next++;

	message_number(source, n + source->count / 2);
	return message_slot(source, n);
}

/* Read it as deep as asked: its number. */
static inline uint64_t message_touch(const uint8_t *message, size_t size,
				     enum message_depth depth)
{
	uint64_t number;

	memcpy(&number, message, sizeof(number));
	if (depth == MESSAGE_HEAD)
		return number;
	for (size_t at = MESSAGE_LINE; at + 8 <= size; at += MESSAGE_LINE) {
		uint64_t word;

		memcpy(&word, message + at, sizeof(word));
		/* The load must not be optimised away. */
		__asm__ volatile("" : : "r"(word));
	}
	return number;
}

#endif
