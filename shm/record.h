/* SPDX-License-Identifier: MIT */
/*
 * record.h - records in the ring: announced by their own header.
 *
 * What head.tail announces costs a reader two cache lines: the tail's and the
 * record's. A record can announce itself instead: its header has the number
 * that the reader waits for (layout.h, RECORDS). Two things make that safe.
 *
 * Old bytes. Where the next header will stand there may be anything, from an
 * earlier lap. So the writer makes that place invalid before it shows the
 * record in front of it, and reserves it together with that record.
 *
 * Other writers. A TCP sender's bytes are not checked before they are in the
 * ring, so a header is believed only while the rule says HEADER, read before
 * and after the header, the same count both times. (tests/model/header.pml)
 *
 * The tail follows in flushes: at each step of reserved, so that reserved -
 * tail <= capacity, and when somebody is woken. Who takes the lease from a dead
 * publisher walks from the tail over the records that it had shown already.
 */
#ifndef BC_RECORD_H
#define BC_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/packet.h>

#include "shm/ring.h"

#define BC_RECORD_HEADER ((uint64_t)sizeof(struct bcast_packet_header))

static_assert(sizeof(struct bcast_packet_header) == BCAST_PACKET_ALIGN,
	      "a header is one unit of alignment");
static_assert(offsetof(struct bcast_packet_header, sequence) == 8,
	      "header.sequence");
static_assert(offsetof(struct bcast_packet_header, crc32c) == 24,
	      "header.crc32c");

/* bc_record_max - the largest record of a ring, header and padding included. */
static inline uint64_t bc_record_max(uint64_t capacity)
{
	uint64_t quarter = capacity / 4;
	uint64_t most = bcast_packet_size(BCAST_PAYLOAD_MAX);

	return quarter < most ? quarter : most;
}

/*
 * bc_record_at - the header that stands, or will stand, at `position`. Aligned
 * whatever that is: it may come from a damaged head.
 */
static inline struct bcast_packet_header *bc_record_at(
	const struct bc_ring *ring, uint64_t position)
{
	unsigned char *at =
		ring->base + (position & (ring->capacity - BCAST_PACKET_ALIGN));

	return (struct bcast_packet_header *)(void *)at;
}

/* The header's sequence as the word that it is in shared memory. */
static inline bc_u64 *bc_record_word(struct bcast_packet_header *header)
{
	return (bc_u64 *)(void *)&header->sequence;
}

/*
 * bc_record_length - its payload's length, read once: if we are being lapped it
 * changes as we look, and what was bounded must be what is used.
 */
static inline uint32_t bc_record_length(
	const struct bcast_packet_header *header)
{
	return *(const volatile uint32_t *)&header->length;
}

/* ---- Writer ------------------------------------------------------------ */

/* bc_record_invalidate - no record here yet. The place is reserved. */
static inline void bc_record_invalidate(const struct bc_ring *ring,
					uint64_t position)
{
	atomic_store_explicit(bc_record_word(bc_record_at(ring, position)), 0,
			      memory_order_relaxed);
}

/*
 * bc_record_show - publish what was written at `position`; the header after it
 * has been made invalid. Pairs with bc_record_is_shown().
 */
static inline void bc_record_show(const struct bc_ring *ring, uint64_t position,
				  uint64_t sequence)
{
	atomic_store_explicit(bc_record_word(bc_record_at(ring, position)),
			      sequence, memory_order_release);
}

/*
 * bc_record_flush - move the tail to `position`, where record `sequence` will
 * begin. See struct bc_head_shm for the order. The lease holder only.
 */
static inline void bc_record_flush(const struct bc_ring *ring,
				   uint64_t position, uint64_t sequence)
{
	struct bc_head_shm *head = ring->head;

	atomic_store_explicit(&head->sequence_before, sequence,
			      memory_order_release);
	/* pairs with bc_ring_tail() */
	atomic_store_explicit(&head->tail, position, memory_order_release);
	atomic_store_explicit(&head->sequence_after, sequence,
			      memory_order_release);
}

/*
 * bc_record_publish - publish by tail, with the rule TAIL, what stands before
 * `position`: records that the daemon has checked and stamped in place, the
 * next of which will be `sequence`. Wakes nobody. now_ns as for
 * bc_ring_publish(). The lease holder only, while no receive is posted.
 *
 * Behind them there may stand anything that has come from a network, and a
 * holder that dies within bc_record_flush() must not leave there what looks
 * like the record it was flushing past: so that place has number 0 meanwhile
 * (tests/model/tail.pml). Its header is reserved too. What stood in it, such as
 * the beginning of a record, is put back.
 */
static inline void bc_record_publish(const struct bc_ring *ring,
				     uint64_t position, uint64_t sequence,
				     uint64_t now_ns)
{
	bc_u64 *word = bc_record_word(bc_record_at(ring, position));
	struct bc_head_shm *head = ring->head;
	uint64_t kept = atomic_load_explicit(word, memory_order_relaxed);

	BC_ASSERT(position + BC_RECORD_HEADER <=
		  atomic_load_explicit(&head->reserved, memory_order_relaxed));
	bc_record_invalidate(ring, position);
	atomic_store_explicit(&head->published_ns, now_ns,
			      memory_order_relaxed);
	bc_record_flush(ring, position, sequence);
	/* added as in bc_ring_publish(); acquire: what follows stays behind */
	atomic_fetch_add_explicit(&head->publish_count, 1,
				  memory_order_acq_rel);
	atomic_store_explicit(word, kept, memory_order_relaxed);
}

/* ---- Reader ------------------------------------------------------------ */

/* A place between two records. sequence 0: not known. */
struct bc_record_place {
	uint64_t position;
	uint64_t sequence; /* of the record that begins there */
};

/* bc_record_rule - for bc_record_is_shown(), which see. */
static inline uint32_t bc_record_rule(const struct bc_ring *ring)
{
	return atomic_load_explicit(&ring->head->publish_rule,
				    memory_order_acquire);
}

/*
 * bc_record_is_shown - has record `sequence` (> 0) been published at
 * `position`? `rule` was read before by bc_record_rule(). False also when only
 * the tail can tell, or the place has been overwritten.
 */
static inline bool bc_record_is_shown(const struct bc_ring *ring,
				      uint64_t position, uint64_t sequence,
				      uint32_t rule)
{
	bc_u64 *word = bc_record_word(bc_record_at(ring, position));

	/* pairs with bc_record_show() */
	if (atomic_load_explicit(word, memory_order_acquire) != sequence)
		return false;
	return (rule & BC_RULE_HEADER) != 0 &&
	       atomic_load_explicit(&ring->head->publish_rule,
				    memory_order_relaxed) == rule;
}

/*
 * bc_record_tail - the tail, with the number of the record that begins there,
 * or 0 if it was just being moved, or is a place where none can begin.
 */
struct bc_record_place bc_record_tail(const struct bc_ring *ring);

/*
 * bc_record_walk - go on over records that are shown by header, up to
 * `bytes_max` of them, as long as each lies before head.reserved. Returns how
 * far it got. Needs a place whose sequence is known, and that nobody has
 * overwritten meanwhile; else returns it as it is.
 */
struct bc_record_place bc_record_walk(const struct bc_ring *ring,
				      struct bc_record_place from,
				      uint64_t bytes_max);

/*
 * bc_record_takeover - for who has just got the lease: where the next record
 * goes, behind all that any earlier holder has published. Moves the tail there.
 * Returns 0, or BCAST_EPROTO if the numbers cannot be.
 */
int bc_record_takeover(const struct bc_ring *ring,
		       struct bc_record_place *place);

/*
 * bc_record_set_rule - from now on, records are shown by header, or by tail
 * alone. `position` is the tail; its header is reserved and made invalid first.
 * The lease holder only; to HEADER only if its bytes are its own.
 */
void bc_record_set_rule(const struct bc_ring *ring, enum bc_publish_rule rule);

#endif
