/* SPDX-License-Identifier: MIT */
/*
 * client_packet.c - the reader of a stream of packets: always at the beginning
 * of a record.
 *
 * A reader that knows the number of the record at its position needs only that
 * record's header to see it (record.h). It learns the number where it starts,
 * from the tail or the index, and counts from there; where it could not (the
 * tail was being moved, and the way there is gone) it goes by the tail until it
 * can.
 */
#include <errno.h>

#include <bcast/bcast.h>

#include "shm/client_reader.h"
#include "shm/clock.h"
#include "shm/notify.h"
#include "shm/record_index.h"

#define WALK_BYTES_MAX (UINT64_C(64) << 10) /* in one peek, by header */
#define PACE_BYTES     (UINT64_C(32) << 10) /* between two looks at the clock */
#define KEEP_AWAY_NS   6000
#define TAIL_TRIES     8

static uint64_t reserved_of(const struct bc_ring *ring)
{
	return atomic_load_explicit(&ring->head->reserved,
				    memory_order_relaxed);
}

/* ---- Look -------------------------------------------------------------- */

static bool is_shown(const struct bcast_reader *reader)
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
 * Nothing at the position. A reader that has caught up with a publisher at full
 * speed (a byte a nanosecond) and stays at its heels takes each line away from
 * it while it is being written, and both go at a third of what they can. So it
 * lets the publisher get away, once, for a few us, and then has plenty to read.
 * Slower streams, and ping-pong, do not come here; the clock is read once in 32
 * KiB.
 */
static void keep_away(struct bcast_reader *reader)
{
	uint64_t bytes = reader->position - reader->paced_position;
	uint64_t now_ns, until_ns;

	if (bytes < PACE_BYTES)
		return;
	now_ns = bc_monotonic_ns();
	if (bytes >= now_ns - reader->paced_ns) {
		until_ns = now_ns + KEEP_AWAY_NS;
		while (now_ns < until_ns) {
			bc_notify_pause();
			now_ns = bc_monotonic_ns();
		}
	}
	reader->paced_ns = now_ns;
	reader->paced_position = reader->position;
}

int bc_client_packet_look(struct bcast_reader *reader, uint64_t *length)
{
	const struct bc_ring *ring = &reader->ring;
	uint64_t tail, reserved;
	int ret;

	*length = 0;
	if (is_shown(reader))
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
			return bc_client_reader_lapped(reader);
		*length = tail - reader->position;
		return 1;
	}
	if (reader->sequence == 0) {
		learn(reader);
		if (is_shown(reader))
			return 1;
	}
	if (reader->unproved)
		return bc_client_reader_lapped(reader);
	keep_away(reader);
	ret = bc_client_reader_empty(reader);
	/* the last record may have been shown before the state was */
	return ret == BCAST_ECLOSED && is_shown(reader) ? 1 : ret;
}

/* ---- Use --------------------------------------------------------------- */

/* A record is there by its number, but no walk comes past it: why? */
static int not_walked(struct bcast_reader *reader)
{
	if (!bc_ring_intact(&reader->ring, reader->position))
		return bc_client_reader_lapped(reader);
	/* or the rule has changed meanwhile: then the tail tells, next time */
	return is_shown(reader) ? BCAST_EPROTO : 0;
}

int bc_client_packet_peek(struct bcast_reader *reader, uint64_t *length)
{
	struct bc_record_place to = bc_record_tail(&reader->ring);

	if (to.position <= reader->position) {
		to = (struct bc_record_place){reader->position,
					      reader->sequence};
		to = bc_record_walk(&reader->ring, to, WALK_BYTES_MAX);
	}
	/* what has been seen is never taken back, nor more than there can be */
	if (to.position - reader->position < *length ||
	    to.position - reader->position > reader->ring.capacity) {
		to.position = reader->position + *length;
		to.sequence = 0;
	}
	if (to.position == reader->position)
		return not_walked(reader);
	reader->peeked_sequence = to.sequence;
	*length = to.position - reader->position;
	return 1;
}

uint64_t bc_client_packet_whole(const struct bcast_reader *reader, uint64_t n,
				uint64_t *next_sequence)
{
	uint64_t at = 0, sequence = reader->sequence;

	while (n - at >= BC_RECORD_HEADER) {
		const struct bcast_packet_header *header =
			bc_record_at(&reader->ring, reader->position + at);
		uint64_t size = bcast_packet_size(bc_record_length(header));

		if (size > n - at)
			break;
		at += size;
		sequence = header->sequence + 1;
	}
	*next_sequence = sequence;
	return at;
}

/* Take the header out; 0 if it cannot be one of this stream. */
static uint64_t take_header(const struct bcast_reader *reader,
			    struct bcast_packet *packet)
{
	const struct bcast_packet_header *header =
		bc_record_at(&reader->ring, reader->position);
	uint32_t length = bc_record_length(header);
	uint64_t size = bcast_packet_size(length);

	*packet = (struct bcast_packet){
		.payload = header + 1,
		.position = reader->position,
		.sequence = header->sequence,
		.timestamp_ns = header->timestamp_ns,
		.length = length,
		.size = (uint32_t)size,
		.crc32c = header->crc32c,
		.type = header->type,
		.flags = header->flags,
		.source = header->source,
		.key_length = header->key_length,
	};
	if (size > bc_record_max(reader->ring.capacity) ||
	    packet->key_length > length || packet->sequence == 0 ||
	    (reader->sequence != 0 && packet->sequence != reader->sequence))
		return 0;
	return size;
}

int bcast_next(struct bcast_reader *reader, struct bcast_packet *packet)
{
	struct bcast_packet found;
	uint64_t length, size;
	int ret;

	if (!reader->packets)
		return -EOPNOTSUPP;
	reader->peeked = 0;
	ret = bc_client_packet_look(reader, &length);
	if (ret <= 0)
		return ret;
	size = take_header(reader, &found);
	if (!bc_ring_intact(&reader->ring, reader->position))
		return bc_client_reader_lapped(reader);
	if (size == 0 || (length != 0 && size > length))
		return BCAST_EPROTO;
	reader->sequence = found.sequence;
	reader->peeked = size;
	reader->peeked_sequence = found.sequence + 1;
	*packet = found;
	return 1;
}

/* ---- Go elsewhere ------------------------------------------------------ */

static void go_to(struct bcast_reader *reader, struct bc_record_place place)
{
	reader->position = place.position;
	reader->sequence = place.sequence;
	reader->unproved = false;
}

/* Behind the newest record; the tail may be some way behind. */
static struct bc_record_place live(const struct bcast_reader *reader)
{
	const struct bc_ring *ring = &reader->ring;
	struct bc_record_place tail = bc_record_tail(ring), place = tail;

	for (unsigned i = 0; i < TAIL_TRIES; i++) {
		place = bc_record_walk(ring, tail, ring->capacity);
		if (tail.sequence != 0 && bc_ring_intact(ring, tail.position))
			break;
		tail = bc_record_tail(ring);
	}
	/* who moved it may be dead: the way there tells its number, too */
	if (place.sequence == 0)
		(void)bc_record_index_exact(&reader->segment, place.position,
					    &place);
	return place;
}

bool bc_client_packet_resync(struct bcast_reader *reader)
{
	uint64_t target = bc_ring_resync(&reader->ring, reader->position);
	struct bc_record_place place =
		bc_record_index_from(&reader->segment, target);

	if (place.sequence == 0 || place.position < reader->position)
		place = live(reader);
	/* where nothing is ahead of us we have not been lapped */
	if (place.position <= reader->position)
		return false;
	go_to(reader, place);
	return true;
}

static struct bc_record_place oldest(const struct bcast_reader *reader)
{
	uint64_t position = bc_ring_oldest(&reader->ring);

	if (position == 0)
		return (struct bc_record_place){.position = 0, .sequence = 1};
	return bc_record_index_from(&reader->segment, position);
}

/*
 * The way there may lead over records that are gone, or all of it may be gone:
 * then nobody knows whether one begins there, and the next call that reads says
 * that we have been lapped.
 */
static int seek_exactly(struct bcast_reader *reader, uint64_t position)
{
	struct bc_record_place place = live(reader);
	int ret = 0;

	if (position > place.position || position % BCAST_PACKET_ALIGN != 0)
		return -EINVAL;
	if (position < place.position) {
		place = (struct bc_record_place){.position = position};
		ret = bc_record_index_exact(&reader->segment, position, &place);
	}
	if (ret == -EINVAL)
		return ret;
	go_to(reader, place);
	reader->unproved = ret == BCAST_ELAPPED;
	return 0;
}

int bc_client_packet_seek(struct bcast_reader *reader, enum bcast_from from,
			  uint64_t position)
{
	switch (from) {
	case BCAST_FROM_LIVE:
		go_to(reader, live(reader));
		return 0;
	case BCAST_FROM_OLDEST:
		go_to(reader, oldest(reader));
		return 0;
	case BCAST_FROM_POSITION:
		return seek_exactly(reader, position);
	}
	return -EINVAL;
}
