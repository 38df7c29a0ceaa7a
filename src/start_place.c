/* SPDX-License-Identifier: MIT */
/* start_place.c - see start_place.h. */
#include <errno.h>

#include <bcast/bcast.h>

#include "shm/record_index.h"
#include "src/follow.h"
#include "src/local.h"
#include "src/start_place.h"

/* Each try fails only if somebody has written an eighth of the ring since. */
#define OLDEST_TRIES 8u

/* Each of these goes on over up to 8 MiB. */
#define FOLLOW_TURNS 64u

/* ---- Live, and oldest -------------------------------------------------- */

/* The live end. Its number is not known for an instant now and then. */
static int live(struct daemon *daemon, struct start_place *start,
		const char **why)
{
	struct bc_record_place *at = &start->at;

	local_admit(daemon);
	*at = (struct bc_record_place){daemon_tail(daemon),
				       daemon->local.sequence};
	if (at->sequence != 0 ||
	    bc_record_index_exact(&daemon->segment, at->position, at) == 0)
		return 0;
	*why = "the stream is just changing hands";
	return BCAST_REJECT_BUSY;
}

/* Does the record that begins there have that number? */
static bool is_there(const struct daemon *daemon, struct bc_record_place place)
{
	const struct bcast_packet_header *header =
		bc_record_at(&daemon->segment.ring, place.position);

	return place.sequence != 0 && place.position < daemon_tail(daemon) &&
	       header->sequence == place.sequence;
}

/* Where the oldest record is whose way to the tail is known. */
static struct bc_record_place oldest_place(const struct daemon *daemon)
{
	const struct bc_ring *ring = &daemon->segment.ring;

	if (bc_ring_oldest(ring) == 0)
		return (struct bc_record_place){.position = 0, .sequence = 1};
	return bc_record_index_from(&daemon->segment, bc_ring_resync(ring, 0));
}

static int oldest(struct daemon *daemon, struct start_place *start,
		  const char **why)
{
	local_admit(daemon);
	for (unsigned i = 0; i < OLDEST_TRIES; i++) {
		struct bc_record_place place = oldest_place(daemon);

		if (local_protect(daemon, place.position) &&
		    is_there(daemon, place)) {
			start->at = place;
			return 0;
		}
	}
	return live(daemon, start, why);
}

/* What was asked for is gone: it was at `from`, as far as that is known. */
#define UNKNOWN UINT64_MAX /* its position; packet.h says what is told then */

static int after_gap(struct daemon *daemon, struct start_place *start,
		     struct bc_record_place from, const char **why)
{
	int code = oldest(daemon, start, why);

	start->has_gap = true;
	start->gap = (struct bcast_gap){
		.from = from.position == UNKNOWN ? start->at.position
						 : from.position,
		.to = start->at.position,
		.from_sequence = from.sequence,
		.to_sequence = start->at.sequence,
		.reason = BCAST_GAP_OVERWRITTEN,
	};
	return code;
}

/* ---- By position ------------------------------------------------------- */

/* Have we seen all that is published up to there? */
static bool is_published(struct daemon *daemon, uint64_t position)
{
	uint64_t before;
	unsigned turns = FOLLOW_TURNS;

	local_admit(daemon);
	do {
		before = daemon_tail(daemon);
		if (position <= before)
			return true;
		follow_stream(daemon);
	} while (daemon_tail(daemon) > before && turns-- > 0);
	return position <= daemon_tail(daemon);
}

/*
 * The way to it is gone, but it is not: then what follows says whether a record
 * begins there. By its own word, and those of the records behind it, up to one
 * that is known.
 */
static int prove(const struct daemon *daemon, uint64_t position,
		 struct bc_record_place *place)
{
	const struct bc_ring *ring = &daemon->segment.ring;
	struct bc_record_place known =
		bc_record_index_from(&daemon->segment, position);
	struct bc_record_place at = {
		.position = position,
		.sequence = bc_record_at(ring, position)->sequence,
	};
	struct bc_record_place first = at;

	while (at.position < known.position) {
		const struct bcast_packet_header *header =
			bc_record_at(ring, at.position);

		if (header->sequence != at.sequence)
			return -EINVAL;
		at.position += bcast_packet_size(bc_record_length(header));
		at.sequence++;
	}
	if (known.sequence == 0 || at.position != known.position ||
	    at.sequence != known.sequence)
		return -EINVAL;
	*place = first;
	return 0;
}

static int at_position(struct daemon *daemon, uint64_t position,
		       struct start_place *start, const char **why)
{
	const struct bc_record_place asked = {
		.position = position,
		.sequence = position == 0 ? 1 : 0,
	};
	int ret = -EINVAL;

	*why = "that position is beyond the end of the stream: is it of this "
	       "epoch?";
	if (!is_published(daemon, position))
		return BCAST_REJECT_POSITION;
	*why = "no record begins at that position";
	if (position % BCAST_PACKET_ALIGN != 0)
		return BCAST_REJECT_POSITION;
	if (!local_protect(daemon, position))
		return after_gap(daemon, start, asked, why);
	ret = bc_record_index_exact(&daemon->segment, position, &start->at);
	if (ret == BCAST_ELAPPED)
		ret = prove(daemon, position, &start->at);
	return ret == 0 ? 0 : BCAST_REJECT_POSITION;
}

/* ---- By number, by time ------------------------------------------------ */

/* A place of the index, if it can be kept. */
static bool take_place(struct daemon *daemon, struct bc_record_place place,
		       struct start_place *start)
{
	if (place.sequence == 0 || !is_published(daemon, place.position) ||
	    !local_protect(daemon, place.position) ||
	    (place.position < daemon_tail(daemon) && !is_there(daemon, place)))
		return false;
	start->at = place;
	return true;
}

static int at_sequence(struct daemon *daemon, uint64_t sequence,
		       struct start_place *start, const char **why)
{
	const struct bc_record_place asked = {UNKNOWN, sequence};
	struct bc_record_place place = {0};
	int ret;

	local_admit(daemon);
	ret = bc_record_index_sequence(&daemon->segment, sequence, &place);
	*why = "no record has that number yet: is it of this epoch?";
	if (ret == -EINVAL)
		return BCAST_REJECT_POSITION;
	if (ret == 0 && take_place(daemon, place, start))
		return 0;
	return after_gap(daemon, start, asked, why);
}

static int at_time(struct daemon *daemon, uint64_t time_ns,
		   struct start_place *start, const char **why)
{
	const struct bc_record_place asked = {UNKNOWN, 0};
	struct bc_record_place place = {0};
	int ret;

	local_admit(daemon);
	ret = bc_record_index_time(&daemon->segment, time_ns, &place);
	if (ret == 0 && take_place(daemon, place, start))
		return 0;
	return after_gap(daemon, start, asked, why);
}

/* ---- All --------------------------------------------------------------- */

static bool is_of_other_epoch(const struct daemon *daemon,
			      const struct bcast_hello *wish)
{
	return (wish->from == BCAST_START_POSITION ||
		wish->from == BCAST_START_SEQUENCE) &&
	       wish->epoch != 0 &&
	       wish->epoch != daemon->segment.control->identity.epoch;
}

int start_place_choose(struct daemon *daemon, const struct bcast_hello *wish,
		       struct start_place *start, const char **why)
{
	*start = (struct start_place){.has_gap = false};
	if (is_of_other_epoch(daemon, wish)) {
		start->flags = BCAST_WELCOME_OTHER_EPOCH;
		return oldest(daemon, start, why);
	}
	switch ((enum bcast_start)wish->from) {
	case BCAST_START_LIVE:
		return live(daemon, start, why);
	case BCAST_START_OLDEST:
		return oldest(daemon, start, why);
	case BCAST_START_POSITION:
		return at_position(daemon, wish->position, start, why);
	case BCAST_START_SEQUENCE:
		return at_sequence(daemon, wish->sequence, start, why);
	case BCAST_START_TIME:
		return at_time(daemon, wish->time_ns, start, why);
	}
	*why = "nobody can begin there";
	return BCAST_REJECT_POSITION;
}
