/* SPDX-License-Identifier: MIT */
/*
 * log_ring.h - lines on their way from those who log to the one who writes.
 *
 * A bounded queue of many producers and one consumer (after D. Vyukov): each
 * slot has a turn that says whose it is. A producer takes a slot by
 * compare-and-swap, copies its line, and hands it on by the turn. So it never
 * waits: not for the writer, who may be stuck in a write, nor for another
 * producer that was put off its processor in the middle; only the writer waits
 * for that one, and it has time. Rejected: a ring under a mutex held for a
 * copy, where the loop would wait for an egress thread's next time slice; and a
 * ring for each thread, which loses the order of events.
 *
 * A full ring drops the newest: what led to the trouble is worth more. The next
 * line that finds room carries how many were lost right before it.
 */
#ifndef SRC_LOG_RING_H
#define SRC_LOG_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/log_line.h"

/* Half a MiB: more lines than edges in a second of --log-rate. */
#define LOG_RING_SLOTS 512u

struct log_ring_slot {
	_Atomic uint64_t turn;
	struct log_record record;
};

struct log_ring {
	_Alignas(128) _Atomic uint64_t head; /* lines taken in, ever */
	_Atomic uint64_t dropped;	     /* since the last that got in */
	_Alignas(128) _Atomic uint64_t tail; /* lines written, ever */
	_Alignas(128) struct log_ring_slot slots[LOG_RING_SLOTS];
};

/* log_ring_init - empty it. Before any other call. */
void log_ring_init(struct log_ring *ring);

/* log_ring_put - copy a line in. False: full, and counted. Any thread. */
bool log_ring_put(struct log_ring *ring, const struct log_record *record);

/*
 * log_ring_first - the oldest line, or NULL; it stays until
 * log_ring_advance(). One thread.
 */
const struct log_record *log_ring_first(struct log_ring *ring);
void log_ring_advance(struct log_ring *ring);

/* log_ring_is_empty - was all written that was put in so far? Any thread. */
bool log_ring_is_empty(const struct log_ring *ring);

/* log_ring_lost - how many were dropped since the last that got in; forgets. */
uint64_t log_ring_lost(struct log_ring *ring);

#endif
