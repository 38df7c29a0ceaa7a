/* SPDX-License-Identifier: MIT */
/*
 * owed.h - a connection's zero-copy sends whose bytes the kernel may still
 * read: which they are, and from where on the ring is claimed by them.
 *
 * A send by zero copy is over twice. Its result says how many bytes the socket
 * has taken, and the cursor moves; its notification says that nobody needs
 * those bytes any more, which is when the peer has acknowledged them. In
 * between, overwriting them would send other bytes, silently. So where the
 * ring may be overwritten is another number than the cursor:
 *
 *	      floor       begin of the newest    cursor
 *	        |                  |               |
 *	--------+---- sent, owed --+--- in flight -+----->  position
 *
 * The next send does not wait for the notification of the last one, and those
 * may come in any order. Each send has a number, which its token carries, from
 * when it is asked for until it is settled: by its notification, or by its
 * result if there will be none. The oldest that is not settled is the floor.
 *
 * Rejected: a count alone, which never gets to 0 on a busy connection; and a
 * list, which allocates. With all numbers out, the caller copies instead.
 */
#ifndef NET_OWED_H
#define NET_OWED_H

#include <stdbool.h>
#include <stdint.h>

#define BC_OWED_MAX 16u

/* All zero is: nothing is owed. Numbers go round; `count` from `oldest` on. */
struct bc_owed {
	uint64_t begins[BC_OWED_MAX]; /* position of the send's first byte */
	uint16_t settled;	      /* behind one that is not; as bits */
	uint16_t empty;		      /* the result was no byte; as bits */
	uint8_t oldest;
	uint8_t count;
};

/* bc_owed_is_full - there is no number for one more. */
static inline bool bc_owed_is_full(const struct bc_owed *owed)
{
	return owed->count == BC_OWED_MAX;
}

/*
 * bc_owed_floor - the oldest byte that is still needed; `cursor` if none is.
 */
static inline uint64_t bc_owed_floor(const struct bc_owed *owed,
				     uint64_t cursor)
{
	return owed->count > 0 ? owed->begins[owed->oldest] : cursor;
}

/*
 * bc_owed_add - a send from `begin` on is asked for. Returns its number. Not
 * full (asserted); begins never go back (asserted).
 */
uint32_t bc_owed_add(struct bc_owed *owed, uint64_t begin);

/* bc_owed_newest - the number given last; it is not settled (asserted). */
uint32_t bc_owed_newest(const struct bc_owed *owed);

/* bc_owed_take_back - the newest was not asked for after all. */
void bc_owed_take_back(struct bc_owed *owed);

/*
 * bc_owed_note_empty - the send has taken nothing, but is notified of all the
 * same. The kernel then says "copied", which means nothing.
 */
void bc_owed_note_empty(struct bc_owed *owed, uint32_t number);

/*
 * bc_owed_settle - the kernel does not need the bytes of this send any more.
 * Returns whether it had taken any. Once for each number (asserted).
 */
bool bc_owed_settle(struct bc_owed *owed, uint32_t number);

#endif
