/* SPDX-License-Identifier: MIT */
/*
 * writer.h - a local process writes the ring: room, publication, waking.
 *
 *	flushed          at      at + size + 32      bound        reserved
 *	   |  shown by    |  being    |                |             |
 *	   v  header      v  written  v                v             v
 *	---+--------------+-----------+----------------+-------------+--
 *
 * reserved moves in steps, so that its line is not written at each publication.
 * bound is how far of that we may write: the less of reserved and of what the
 * daemon's sends and gating readers leave free. The way of a record: see
 * bc_writer_room(), then the caller's writing, then bc_writer_show().
 *
 * kill -9 on any line: records up to the last that was shown are published, and
 * the next holder of the lease finds them (bc_record_takeover()). Whatever else
 * was written stands behind them, and is written over.
 */
#ifndef BC_WRITER_H
#define BC_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include <bcast/bcast.h>

#include "shm/gate.h"
#include "shm/node.h"
#include "shm/record.h"
#include "shm/segment.h"
#include "shm/sleepers.h"

struct bc_writer {
	struct bc_segment segment; /* writable; its description has the lease */
	struct bc_ring ring;	   /* a copy, one load nearer */
	const struct bc_node *node;
	struct bc_record_place at; /* where the next publication goes */
	uint64_t bound;
	uint64_t flushed;     /* head.tail */
	uint64_t flush_bytes; /* it is that far behind at most */
	uint64_t step;	      /* by which reserved moves */
	uint64_t indexed;     /* position of the last index entry */
	uint64_t size_max;    /* of one publication, header included */
	struct bc_gates gates;
	uint32_t incarnation; /* the daemon whose registry we know; or 0 */
	int32_t room_wait_ms;
	bool packets;
	bool light; /* bc_sleepers_light_fence() */
};

/*
 * bc_writer_open - attach the node's stream for writing, take the lease, and
 * find out where to go on. Results as bcast_publisher_open(). Waits for up to
 * lease_wait_ms.
 */
int bc_writer_open(struct bc_writer *writer, const char *name,
		   const struct bc_node *node, int lease_wait_ms);

/* bc_writer_close - flush, give the lease back, detach. Idempotent. */
void bc_writer_close(struct bc_writer *writer);

/* bc_writer_forget - free it only: in a child, all else is the parent's. */
void bc_writer_forget(struct bc_writer *writer);

/*
 * bc_writer_make_room - so that `size` bytes from `at` on, and a header, may be
 * written. Returns 0, BCAST_EFULL or BCAST_ECLOSED. May wait.
 */
int bc_writer_make_room(struct bc_writer *writer, uint64_t size);

/* bc_writer_flush - bring the tail up to `at`, and the index. */
void bc_writer_flush(struct bc_writer *writer);

/* bc_writer_wake - flush, and wake all who may be asleep. */
void bc_writer_wake(struct bc_writer *writer);

/* bc_writer_is_open - false once the stream is ending. */
static inline bool bc_writer_is_open(const struct bc_writer *writer)
{
	return atomic_load_explicit(&writer->segment.control->owner.state,
				    memory_order_relaxed) <= BC_STATE_LIVE;
}

/* bc_writer_room - as bc_writer_make_room(), mostly without a call. */
static inline int bc_writer_room(struct bc_writer *writer, uint64_t size)
{
	if (writer->at.position + size + BC_RECORD_HEADER <= writer->bound)
		return 0;
	return bc_writer_make_room(writer, size);
}

/* After a publication: the tail in its turn, and the sleepers. */
static inline void bc_writer_shown(struct bc_writer *writer)
{
	const struct bc_registry_shm *registry = writer->node->table->header;
	const struct bc_lease_shm *lease = &writer->segment.control->lease;

	bc_sleepers_light_fence(writer->light);
	if (atomic_load_explicit(&registry->sleepers, memory_order_relaxed) ||
	    atomic_load_explicit(&lease->daemon_sleeps, memory_order_relaxed))
		bc_writer_wake(writer);
	else if (writer->at.position - writer->flushed >= writer->flush_bytes)
		bc_writer_flush(writer);
}

/*
 * bc_writer_show - publish `count` records of `size` bytes in all, written at
 * `at`; the first one's sequence is stored by this.
 */
static inline void bc_writer_show(struct bc_writer *writer, uint64_t size,
				  uint64_t count)
{
	struct bc_record_place at = writer->at;

	bc_record_invalidate(&writer->ring, at.position + size);
	bc_record_show(&writer->ring, at.position, at.sequence);
	writer->at.position = at.position + size;
	writer->at.sequence = at.sequence + count;
	bc_writer_shown(writer);
}

/* bc_writer_show_bytes - the same for a stream of bytes. */
static inline void bc_writer_show_bytes(struct bc_writer *writer, uint64_t size)
{
	writer->at.position += size;
	/* pairs with bc_ring_tail() */
	atomic_store_explicit(&writer->ring.head->tail, writer->at.position,
			      memory_order_release);
	writer->flushed = writer->at.position;
	bc_writer_shown(writer);
}

#endif
