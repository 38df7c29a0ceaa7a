/* SPDX-License-Identifier: MIT */
/*
 * client_place.c - where a reader of packets may go: always to the beginning of
 * a record, and, wherever it can be had, with the number of that record.
 */
#include <errno.h>

#include <bcast/bcast.h>

#include "shm/client_parts.h"
#include "shm/record.h"
#include "shm/record_index.h"

#define TAIL_TRIES 8

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

bool bc_client_place_resync(struct bcast_reader *reader)
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

int bc_client_place_seek(struct bcast_reader *reader, enum bcast_from from,
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
