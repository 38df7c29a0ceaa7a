/* SPDX-License-Identifier: MIT */
/*
 * bare_ring.h - the limit: the least that hands records from one writer to
 * several readers through memory, and nothing else. No lease, no registry, no
 * liveness, no sleep, no lengths checked.
 *
 *	bytes:	| length, number | payload      | length, number | payload ...
 *		  32 bytes, the  start of each record and of each payload on
 *		  a multiple of 32; mapped twice, so never cut
 *	head:	on its own line: published up to here
 *	tails:	a line for each reader: read up to here (lossless)
 *	reserved: may be overwritten up to here (lossy)
 *
 * The head is stored per record or per batch, which makes a sevenfold
 * difference: both are limits worth knowing. All is inline, as the best of
 * libraries could be.
 */
#ifndef BENCH_BARE_RING_H
#define BENCH_BARE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "crew.h"

#define BARE_RING_ALIGN 32

struct bare_record {
	uint64_t length; /* of the payload */
	uint64_t number;
	atomic_uint_fast64_t shown; /* its number from 1, if by header */
	uint64_t unused;
};

struct bare_ring_shared {
	_Alignas(128) atomic_uint_fast64_t head;
	_Alignas(128) atomic_uint_fast64_t reserved;
	struct {
		_Alignas(128) atomic_uint_fast64_t tail;
	} readers[CREW_READERS_MAX];
	_Alignas(128) _Atomic uint32_t futex; /* for those who sleep */
};

struct bare_ring {
	struct bare_ring_shared *shared;
	uint8_t *bytes;
	uint64_t capacity; /* a power of two */
	unsigned readers;
};

/* Before the fork, for all. 0 or -errno. */
int bare_ring_create(struct bare_ring *ring, uint64_t capacity,
		     unsigned readers);
void bare_ring_destroy(struct bare_ring *ring);

/* The least of the tails. */
uint64_t bare_ring_floor(const struct bare_ring *ring);

static inline uint64_t bare_ring_size(size_t payload)
{
	return (sizeof(struct bare_record) + payload + BARE_RING_ALIGN - 1) /
	       BARE_RING_ALIGN * BARE_RING_ALIGN;
}

struct bare_writer {
	struct bare_ring *ring;
	uint64_t position;
	uint64_t end; /* as far as the slowest reader allows, when last seen */
	uint64_t number;
};

static inline void bare_writer_start(struct bare_writer *writer,
				     struct bare_ring *ring)
{
	*writer = (struct bare_writer){.ring = ring, .end = ring->capacity};
}

/* Is there room for n bytes? */
static inline bool bare_writer_room(struct bare_writer *writer, uint64_t n)
{
	if (writer->position + n <= writer->end)
		return true;
	writer->end = bare_ring_floor(writer->ring) + writer->ring->capacity;
	return writer->position + n <= writer->end;
}

/* Lossy: n bytes are about to be overwritten. */
static inline void bare_writer_reserve(struct bare_writer *writer, uint64_t n)
{
	atomic_store_explicit(&writer->ring->shared->reserved,
			      writer->position + n, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static inline void bare_writer_put(struct bare_writer *writer,
				   const void *payload, size_t size)
{
	struct bare_ring *ring = writer->ring;
	struct bare_record *record =
		(void *)(ring->bytes +
			 (writer->position & (ring->capacity - 1)));

	record->length = size;
	record->number = writer->number++;
	memcpy(record + 1, payload, size);
	writer->position += bare_ring_size(size);
}

/*
 * The other way to publish one record: by its own header. The place of the next
 * one is made invalid first, or bytes of an earlier lap could be taken for it.
 */
static inline void bare_writer_show(struct bare_writer *writer,
				    const void *payload, size_t size)
{
	struct bare_ring *ring = writer->ring;
	struct bare_record *record =
		(void *)(ring->bytes +
			 (writer->position & (ring->capacity - 1)));
	struct bare_record *next;

	writer->position += bare_ring_size(size);
	next = (void *)(ring->bytes +
			(writer->position & (ring->capacity - 1)));
	record->length = size;
	memcpy(record + 1, payload, size);
	atomic_store_explicit(&next->shown, 0, memory_order_relaxed);
	/* with bare_reader_shown() */
	atomic_store_explicit(&record->shown, ++writer->number,
			      memory_order_release);
}

static inline void bare_writer_publish(struct bare_writer *writer)
{
	/* with bare_reader_head() */
	atomic_store_explicit(&writer->ring->shared->head, writer->position,
			      memory_order_release);
}

struct bare_reader {
	struct bare_ring *ring;
	uint64_t position;
	unsigned index;
};

static inline uint64_t bare_reader_head(const struct bare_reader *reader)
{
	/* with bare_writer_publish() */
	return atomic_load_explicit(&reader->ring->shared->head,
				    memory_order_acquire);
}

static inline const struct bare_record *bare_reader_at(
	const struct bare_reader *reader)
{
	const struct bare_ring *ring = reader->ring;

	return (const void *)(ring->bytes +
			      (reader->position & (ring->capacity - 1)));
}

/* By header: has record `number` (from 1) been published? */
static inline bool bare_reader_shown(const struct bare_reader *reader,
				     uint64_t number)
{
	/* with bare_writer_show() */
	return atomic_load_explicit(&bare_reader_at(reader)->shown,
				    memory_order_acquire) == number;
}

/* Let the writer have what was read. */
static inline void bare_reader_release(const struct bare_reader *reader)
{
	/* with bare_ring_floor() */
	atomic_store_explicit(
		&reader->ring->shared->readers[reader->index].tail,
		reader->position, memory_order_release);
}

/* Lossy: what was read at the position just now was not overwritten. */
static inline bool bare_reader_intact(const struct bare_reader *reader)
{
	uint64_t reserved;

	atomic_thread_fence(memory_order_acquire);
	reserved = atomic_load_explicit(&reader->ring->shared->reserved,
					memory_order_relaxed);
	return reserved - reader->position <= reader->ring->capacity;
}

#endif
