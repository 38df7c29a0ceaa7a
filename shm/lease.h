/* SPDX-License-Identifier: MIT */
/*
 * lease.h - the write lease: at any time at most one process writes the ring.
 *
 * It is a lock on a byte of the segment's object (layout.h, WRITER), held
 * through the open file description of a struct bc_segment. It ends with that
 * description: at bc_segment_close(), at the latest by death. Taking it is one
 * system call; holding it costs nothing.
 */
#ifndef BC_LEASE_H
#define BC_LEASE_H

#include <stdint.h>

#include <bcast/bcast.h>

#include "shm/segment.h"

/* bc_lease_word - what is shown in lease.holder. */
uint64_t bc_lease_word(uint64_t kind, uint32_t slot, uint32_t generation);

/*
 * bc_lease_take - try to get it. The segment is writable. Returns 1, 0 if
 * another description has it, or -errno. Who gets it wakes all readers: how
 * they have to wait may be another now (WAKING), and if the last holder died,
 * something may have been published without waking. What the last one had
 * prepared for TCP publishers and not published is taken back
 * (publisher_table.h). Does not block.
 */
int bc_lease_take(struct bc_segment *segment, uint64_t word);

/* bc_lease_rename - the holder says who it is now. */
void bc_lease_rename(struct bc_segment *segment, uint64_t word);

/* bc_lease_give - give it back, and wake those who wait for it. */
void bc_lease_give(struct bc_segment *segment);

/*
 * bc_lease_held - does another description than this segment's have it? 1, 0,
 * or -errno. Needs read permission only.
 */
int bc_lease_held(const struct bc_segment *segment);

/*
 * bc_lease_take_patiently - as bc_lease_take(), but waits up to timeout_ms
 * (< 0: for ever) until it is free. A death wakes nobody, so it looks every
 * millisecond. Also returns BCAST_ECLOSED when the stream ends meanwhile.
 */
int bc_lease_take_patiently(struct bc_segment *segment, uint64_t word,
			    int timeout_ms);

/* bc_lease_is_local - whether a local publisher is said to have it. */
static inline int bc_lease_is_local(const struct bc_segment *segment)
{
	return atomic_load_explicit(&segment->control->lease.holder,
				    memory_order_acquire) >>
		       56 ==
	       BC_LEASE_NODE >> 56;
}

/* bc_lease_wants_room - does a publisher wait for the daemon's receivers? */
static inline int bc_lease_wants_room(const struct bc_segment *segment)
{
	return atomic_load_explicit(&segment->control->lease.room_wanted,
				    memory_order_relaxed) != 0;
}

#endif
