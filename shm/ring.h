/* SPDX-License-Identifier: MIT */
/*
 * ring.h - the ring as memory: one writer, any number of readers.
 *
 * Pure memory: no system call, no allocation, no clock. A reader is a position
 * and nothing else; it is not known to the writer. The rules are those of
 * layout.h, POSITIONS, and this file is the only one that applies them.
 *
 *	oldest                          tail        reserved
 *	  |  published, intact           |  being     |
 *	  v                              v  written   v
 *	--+------------------------------+------------+--
 *	  |<--------------------- capacity ---------->|
 *
 * So a byte at p is intact iff p >= reserved - capacity, and readable iff also
 * p < tail. reserved never decreases: when less was received than was reserved
 * the window stays short by the difference until the tail has caught up.
 *
 * Ordering. The writer's release fence stands between its store of reserved
 * and its first write of payload; the reader's acquire fence stands between
 * its last use of payload and its load of reserved. If any byte used was a new
 * one, the two fences synchronise, and the load sees the new reserved. The
 * writer's release store of tail pairs with the reader's acquire load of it.
 */
#ifndef BC_RING_H
#define BC_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/assert.h"
#include "shm/layout.h"

/* A process's view of a ring. Plain data: copy it, drop it. */
struct bc_ring {
	struct bc_head_shm *head;
	unsigned char *base; /* 2 * capacity bytes, mirrored */
	uint64_t capacity;   /* a power of two */
};

/* bc_ring_address - where the byte at `position` stands. */
static inline unsigned char *bc_ring_address(const struct bc_ring *ring,
					     uint64_t position)
{
	return ring->base + (position & (ring->capacity - 1));
}

/* bc_ring_tail - everything before it is published. Pairs with publish. */
static inline uint64_t bc_ring_tail(const struct bc_ring *ring)
{
	return atomic_load_explicit(&ring->head->tail, memory_order_acquire);
}

/* ---- Writer ------------------------------------------------------------ */

/*
 * bc_ring_reserve - announce that up to `length` bytes after the tail are
 * about to be written, by the caller or by a receive that it will post.
 *
 * length <= capacity; the caller has made sure that nobody the writer must
 * respect needs the bytes that this overwrites. Returns the address of the
 * tail. May be called again, with any length, before bc_ring_publish(). The
 * lease holder only.
 */
static inline unsigned char *bc_ring_reserve(const struct bc_ring *ring,
					     uint64_t length)
{
	struct bc_head_shm *head = ring->head;
	uint64_t tail, end;

	tail = atomic_load_explicit(&head->tail, memory_order_relaxed);
	end = tail + length;
	BC_ASSERT(length <= ring->capacity);
	if (end > atomic_load_explicit(&head->reserved, memory_order_relaxed))
		atomic_store_explicit(&head->reserved, end,
				      memory_order_relaxed);
	/* pairs with the fence in bc_ring_intact() */
	atomic_thread_fence(memory_order_release);
	return bc_ring_address(ring, tail);
}

/*
 * bc_ring_publish - make the `length` bytes after the tail readable; they have
 * been reserved. now_ns is kept for latency figures (CLOCK_MONOTONIC). The
 * caller then wakes sleepers (notify.h). The lease holder only.
 */
static inline void bc_ring_publish(const struct bc_ring *ring, uint64_t length,
				   uint64_t now_ns)
{
	struct bc_head_shm *head = ring->head;
	uint64_t tail;

	tail = atomic_load_explicit(&head->tail, memory_order_relaxed);
	BC_ASSERT(length <=
		  atomic_load_explicit(&head->reserved, memory_order_relaxed) -
			  tail);
	atomic_store_explicit(&head->published_ns, now_ns,
			      memory_order_relaxed);
	/* pairs with bc_ring_tail() */
	atomic_store_explicit(&head->tail, tail + length, memory_order_release);
	/* added, not stored: a change of state moves this word as well */
	atomic_fetch_add_explicit(&head->publish_count, 1,
				  memory_order_release);
}

/* ---- Reader ------------------------------------------------------------ */

/* bc_ring_oldest - the first position that is still intact, now. */
static inline uint64_t bc_ring_oldest(const struct bc_ring *ring)
{
	uint64_t reserved = atomic_load_explicit(&ring->head->reserved,
						 memory_order_acquire);

	return reserved > ring->capacity ? reserved - ring->capacity : 0;
}

/*
 * bc_ring_intact - whether bytes from `position` on, which the caller has just
 * used, were whole all that time. To be asked after the use.
 */
static inline bool bc_ring_intact(const struct bc_ring *ring, uint64_t position)
{
	/* pairs with the fence in bc_ring_reserve() */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&ring->head->reserved,
				    memory_order_relaxed) -
		       position <=
	       ring->capacity;
}

/* What stands between a position and the tail. */
enum bc_ring_view {
	BC_RING_DATA,	 /* *length bytes, > 0 */
	BC_RING_EMPTY,	 /* position is the tail */
	BC_RING_LAPPED,	 /* position is no longer there */
	BC_RING_NONSENSE /* the head's values cannot be: damaged, or not ours */
};

/*
 * bc_ring_look - what can be read at `position`; *length is set for DATA only,
 * and is at most the capacity. The result can be out of date when it returns:
 * whoever uses the bytes asks bc_ring_intact() afterwards.
 */
static inline enum bc_ring_view bc_ring_look(const struct bc_ring *ring,
					     uint64_t position,
					     uint64_t *length)
{
	uint64_t tail = bc_ring_tail(ring);
	uint64_t reserved = atomic_load_explicit(&ring->head->reserved,
						 memory_order_relaxed);

	if (tail == position)
		return BC_RING_EMPTY;
	/*
	 * tail <= reserved is the writer's promise, and the acquire load of
	 * tail has brought the reserved that goes with it. Where the promise
	 * is broken nothing can be concluded, least of all a lap: there would
	 * be no place to go on at, and the reader would be lapped for ever.
	 */
	if (tail < position || reserved < tail)
		return BC_RING_NONSENSE;
	if (reserved - position > ring->capacity)
		return BC_RING_LAPPED;
	*length = tail - position;
	return BC_RING_DATA;
}

/*
 * bc_ring_resync - where a reader that was lapped at `position` goes on: an
 * eighth of the capacity after the oldest byte, so that it is not lapped again
 * before it has read anything, but not beyond the tail, and never backwards.
 */
uint64_t bc_ring_resync(const struct bc_ring *ring, uint64_t position);

#endif
