/* SPDX-License-Identifier: MIT */
/*
 * publisher_table.h - which of its own records each TCP publisher has in the
 * stream, exactly, whatever died when.
 *
 * A publisher that reconnects is told the number of its last published record
 * and goes on behind it (bcast/packet.h, PUBLISHING). The number must change in
 * the instant in which the tail passes the record: a store earlier or later is
 * a record lost or doubled, if the daemon is killed in between. So an entry has
 * two numbers, and the position that decides between them: once head.tail >=
 * at it is new_number, before that old_number. The daemon prepares the entry,
 * then moves the tail, and that one store is what accepts the records.
 *
 *	old_number := the number that holds	tail >= at still: no change
 *	at := the tail that will be		tail < at: old_number, the same
 *	new_number := the number		not looked at yet
 *	head.tail := at				now it is
 *
 * Pending entries. A daemon that dies before it moves the tail leaves at beyond
 * it, and later records, of others, would come to pass it. So whoever takes the
 * lease settles them before it publishes anything: bc_lease_take() does, for
 * local publishers and daemons alike (tests/model/publisher_table.pml).
 *
 * Rejected: to find a publisher's last record by reading the ring. What it
 * published last may have been overwritten long ago.
 *
 * Who writes: the daemon; and who takes the lease, pending entries only.
 */
#ifndef BC_PUBLISHER_TABLE_H
#define BC_PUBLISHER_TABLE_H

#include <stdint.h>

#include "shm/segment.h"

/* As many publishers are remembered: BC_PUBLISHER_SLOTS of layout.h. */
#define BC_PUBLISHER_WORDS (BC_PUBLISHER_SLOTS / 64u)

static_assert(BC_PUBLISHER_SLOTS % 64u == 0, "whole words");

/* bc_publisher_table_source - what stands in the source of its records. */
static inline uint16_t bc_publisher_table_source(uint32_t slot)
{
	return (uint16_t)(slot + 1);
}

/*
 * bc_publisher_table_find - the slot of this publisher_id; if it has none, a
 * free one, or that of whoever has not published for longest, who is forgotten.
 *
 * in_use: a bit for each slot that a connection has now, slot n in bit n % 64
 * of word n / 64; these are not taken from anybody, but found. Nor is one that
 * is pending: a daemon that has just adopted the segment should have the lease
 * before it welcomes publishers, if it can get it.
 *
 * Returns the slot, BCAST_EFULL, -EINVAL for id 0, or -EOPNOTSUPP for a stream
 * of bytes. The daemon only. Does not block; reads all entries.
 */
int bc_publisher_table_find(struct bc_segment *segment, uint64_t id,
			    const uint64_t in_use[BC_PUBLISHER_WORDS]);

/*
 * bc_publisher_table_accepted - the number of its last record below the tail; 0
 * if there is none. The daemon only, also while another has the lease.
 */
uint64_t bc_publisher_table_accepted(const struct bc_segment *segment,
				     uint32_t slot);

/*
 * bc_publisher_table_prepare - `number` is its last record once the tail is
 * `tail`, which is more than it is now. The caller then moves it there, by
 * bc_record_publish(), before anything else does; any number of slots may be
 * prepared for one move. Should it not come to that,
 * bc_publisher_table_settle() takes it back. Who has the lease, in the daemon.
 */
void bc_publisher_table_prepare(struct bc_segment *segment, uint32_t slot,
				uint64_t number, uint64_t tail);

/*
 * bc_publisher_table_settle - what is prepared will not be published: let the
 * old numbers hold for good. Who has the lease, before the tail moves. Called
 * by bc_lease_take(). Reads all entries; nothing for a stream of bytes.
 */
void bc_publisher_table_settle(struct bc_segment *segment);

#endif
