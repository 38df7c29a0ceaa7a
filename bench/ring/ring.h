/* SPDX-License-Identifier: MIT */
/*
 * ring.h - what the systems under bench/ring share: what is asked of them, and
 * how a reader keeps count. Each system is a file of its own with a row in the
 * table of ring.c.
 */
#ifndef BENCH_RING_RING_H
#define BENCH_RING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bare_ring.h"
#include "crew.h"
#include "message.h"
#include "processor.h"

/* A batch: so many records, or so many bytes if that is less. */
#define RING_BATCH_RECORDS 32
#define RING_BATCH_BYTES   32768
/* A reader gives room back at least this often. */
#define RING_RELEASE_BYTES 262144

struct ring_task {
	const char *system;
	const char *stream; /* bcast: the name of a stream of packets */
	const char *folder; /* aeron: of its media driver */
	size_t size;	    /* of a message */
	uint64_t ring_bytes;
	unsigned readers;
	enum message_depth depth;
	bool lossy; /* the writer waits for nobody */
	unsigned warm_up_ms;
	unsigned window_ms;
	bool real_time;
	struct bare_ring bare;
};

struct ring_system {
	const char *name;
	const char *about;
	bool can_lose; /* --lossy */
	/* In the parent, before any member starts; NULL: nothing to do. */
	int (*prepare)(struct ring_task *task);
	crew_work *write;
	crew_work *read;
};

extern const struct ring_system ring_bare_each;
extern const struct ring_system ring_bare_batch;
extern const struct ring_system ring_bare_header;
extern const struct ring_system ring_bcast_each;
extern const struct ring_system ring_bcast_each_crc;
extern const struct ring_system ring_bcast_each_span;
extern const struct ring_system ring_bcast_claim;
extern const struct ring_system ring_bcast_batch;
extern const struct ring_system ring_bcast_batch_next;
extern const struct ring_system ring_aeron;

static inline unsigned ring_batch(const struct ring_task *task)
{
	const size_t fit = RING_BATCH_BYTES / task->size;

	if (fit >= RING_BATCH_RECORDS)
		return RING_BATCH_RECORDS;
	return fit > 0 ? (unsigned)fit : 1;
}

/* A reader's number, from 0: the members after the writer. */
static inline unsigned ring_reader_index(const struct crew_member *me)
{
	return (unsigned)(me - me->crew->members) - 1;
}

/* More of them than processors: see processor.h. */
static inline bool ring_crowded(const struct ring_task *task)
{
	return task->readers + 1 > processor_count();
}

static inline struct processor_idle ring_idle(const struct ring_task *task)
{
	return (struct processor_idle){.crowded = ring_crowded(task)};
}

/* What a reader has seen; told to the parent by ring_tell(). */
struct ring_tally {
	uint64_t expected; /* the number of the next message */
	uint64_t read;
	uint64_t lost;
	uint64_t wrong;
};

static inline void ring_follow(struct ring_tally *tally, uint64_t number)
{
	tally->read++;
	if (__builtin_expect(number != tally->expected, 0)) {
		if (number > tally->expected)
			tally->lost += number - tally->expected;
		else
			tally->wrong++;
	}
	tally->expected = number + 1;
}

static inline void ring_tell(struct crew_member *me,
			     const struct ring_tally *tally)
{
	/* with pace_refill() of ring_bcast.c */
	atomic_store_explicit(&me->messages, tally->read, memory_order_release);
	atomic_store_explicit(&me->lost, tally->lost, memory_order_relaxed);
	atomic_store_explicit(&me->wrong, tally->wrong, memory_order_relaxed);
}

#endif
