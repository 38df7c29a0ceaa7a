/* SPDX-License-Identifier: MIT */
/*
 * client_look.c - is there anything at a reader's position: bytes, a record,
 * nothing yet, the end, or has it been lapped?
 *
 * A reader of packets that knows the number of the record at its position needs
 * only that record's header to see it (record.h). It learns the number where it
 * starts, from the tail or the index, and counts from there; where it could not
 * (the tail was being moved, and the way there is gone) it goes by the tail
 * until it can.
 */
#include <errno.h>

#include <bcast/bcast.h>

#include "shm/client_parts.h"
#include "shm/client_report.h"
#include "shm/clock.h"
#include "shm/pause.h"
#include "shm/record.h"

#define PACE_BYTES   (UINT64_C(32) << 10) /* between two looks at the clock */
#define KEEP_AWAY_NS 6000
#define SMALL_BYTES  512u /* a record, header included */

/* ---- Nothing to read --------------------------------------------------- */

int bc_client_look_lapped(struct bcast_reader *reader)
{
	struct bcast_loss *loss = &reader->loss;
	uint64_t sequence = reader->sequence;
	uint64_t from = reader->position;

	reader->peeked = 0;
	if (!reader->packets)
		reader->position = bc_ring_resync(&reader->ring, from);
	else if (!bc_client_place_resync(reader))
		return BCAST_EPROTO;
	loss->from = from;
	loss->to = reader->position;
	loss->bytes = loss->to - loss->from;
	loss->total_bytes += loss->bytes;
	loss->packets = sequence != 0 && reader->sequence > sequence
				? reader->sequence - sequence
				: 0;
	loss->total_packets += loss->packets;
	loss->laps++;
	if (reader->report)
		bc_node_report_lapped(reader->report, loss);
	return BCAST_ELAPPED;
}

/* Nothing at the position: 0, or BCAST_ECLOSED. */
static int empty(const struct bcast_reader *reader)
{
	if (bc_segment_state(&reader->segment) != BC_STATE_CLOSED)
		return 0;
	/* the last publication came before the state: look once more */
	return bc_ring_tail(&reader->ring) <= reader->position ? BCAST_ECLOSED
							       : 0;
}

/* ---- Packets ----------------------------------------------------------- */

static uint64_t reserved_of(const struct bc_ring *ring)
{
	return atomic_load_explicit(&ring->head->reserved,
				    memory_order_relaxed);
}

bool bc_client_look_is_shown(const struct bcast_reader *reader)
{
	return reader->sequence != 0 &&
	       bc_record_is_shown(&reader->ring, reader->position,
				  reader->sequence,
				  bc_record_rule(&reader->ring));
}

/* At the tail, not knowing its number: has it been settled? */
static void learn(struct bcast_reader *reader)
{
	struct bc_record_place tail = bc_record_tail(&reader->ring);

	if (tail.position == reader->position)
		reader->sequence = tail.sequence;
}

/*
 * Nothing at the position. A reader that has caught up with a publisher of
 * small records at full speed and stays at its heels takes each line away from
 * it while it is being written, and both go at a third of what they can. So it
 * lets the publisher get away, once, for a few us, and then has plenty to read.
 * Slower streams, larger records, and ping-pong do not come here; the clock is
 * read once in 32 KiB.
 */
static void keep_away(struct bcast_reader *reader)
{
	uint64_t bytes = reader->position - reader->paced_position;
	uint64_t records = reader->sequence - reader->paced_sequence;
	uint64_t now_ns, until_ns;

	if (bytes < PACE_BYTES)
		return;
	now_ns = bc_monotonic_ns();
	if (2 * bytes >= 3 * (now_ns - reader->paced_ns) &&
	    bytes < records * SMALL_BYTES) {
		until_ns = now_ns + KEEP_AWAY_NS;
		while (now_ns < until_ns) {
			bc_pause();
			now_ns = bc_monotonic_ns();
		}
	}
	reader->paced_ns = now_ns;
	reader->paced_position = reader->position;
	reader->paced_sequence = reader->sequence;
}

int bc_client_look_packet(struct bcast_reader *reader, uint64_t *length)
{
	const struct bc_ring *ring = &reader->ring;
	uint64_t tail, reserved;
	int ret;

	*length = 0;
	if (bc_client_look_is_shown(reader))
		return 1;
	tail = bc_ring_tail(ring);
	reserved = reserved_of(ring);
	/* as in bc_ring_look(); but we may be ahead of the tail */
	if (reserved < tail || reserved < reader->position ||
	    (tail | reader->position) % BCAST_PACKET_ALIGN != 0)
		return BCAST_EPROTO;
	if (tail > reader->position) {
		if (reserved - reader->position > ring->capacity ||
		    reader->unproved)
			return bc_client_look_lapped(reader);
		*length = tail - reader->position;
		return 1;
	}
	if (reader->sequence == 0) {
		learn(reader);
		if (bc_client_look_is_shown(reader))
			return 1;
	}
	if (reader->unproved)
		return bc_client_look_lapped(reader);
	keep_away(reader);
	ret = empty(reader);
	/* the last record may have been shown before the state was */
	return ret == BCAST_ECLOSED && bc_client_look_is_shown(reader) ? 1
								       : ret;
}

/* ---- Either ------------------------------------------------------------ */

int bc_client_look(struct bcast_reader *reader, uint64_t *length)
{
	if (reader->packets)
		return bc_client_look_packet(reader, length);
	switch (bc_ring_look(&reader->ring, reader->position, length)) {
	case BC_RING_DATA:
		return 1;
	case BC_RING_EMPTY:
		return empty(reader);
	case BC_RING_LAPPED:
		return bc_client_look_lapped(reader);
	case BC_RING_NONSENSE:
		break;
	}
	return BCAST_EPROTO;
}
