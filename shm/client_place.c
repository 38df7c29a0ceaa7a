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

static void go_to(struct bcast_reader *reader, struct bc_record_place place)
{
	reader->position = place.position;
	reader->sequence = place.sequence;
	reader->unproved = false;
}

static struct bc_record_place live(const struct bcast_reader *reader)
{
	return bc_record_index_live(&reader->segment);
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

/*
 * One that is gone makes the next call that reads say so. Where it stood nobody
 * knows any more: the bytes are counted from the last known place before it.
 */
static int seek_sequence(struct bcast_reader *reader, uint64_t sequence)
{
	struct bc_record_place place;
	int ret = bc_record_index_sequence(&reader->segment, sequence, &place);

	if (ret == 0) {
		go_to(reader, place);
		return 0;
	}
	if (ret != BCAST_ELAPPED)
		return ret;
	place = bc_record_index_before(&reader->segment, sequence);
	place.sequence = sequence;
	go_to(reader, place);
	reader->unproved = true;
	return 0;
}

/* What is too old to be there is no loss: nobody knows what there was. */
static int seek_time(struct bcast_reader *reader, uint64_t time_ns)
{
	struct bc_record_place place;
	int ret = bc_record_index_time(&reader->segment, time_ns, &place);

	if (ret < 0 && ret != BCAST_ELAPPED)
		return ret;
	go_to(reader, place);
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
		go_to(reader, bc_record_index_oldest(&reader->segment));
		return 0;
	case BCAST_FROM_POSITION:
		return seek_exactly(reader, position);
	case BCAST_FROM_SEQUENCE:
		return seek_sequence(reader, position);
	case BCAST_FROM_TIME:
		return seek_time(reader, position);
	}
	return -EINVAL;
}
