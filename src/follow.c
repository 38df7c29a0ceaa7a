/* SPDX-License-Identifier: MIT */
/* follow.c - see follow.h. */
#include "shm/record.h"
#include "src/follow.h"
#include "src/receivers.h"

/* In one turn, beyond the tail: which is flushed every 256 KiB or so. */
#define WALK_BYTES_MAX (UINT64_C(8) << 20)

/* How far the stream is, by tail and, for records, by their headers. */
static struct bc_record_place find_tail(const struct daemon *daemon)
{
	const struct bc_ring *ring = &daemon->segment.ring;
	struct bc_record_place at = {daemon->home.tail, daemon->local.sequence};
	struct bc_record_place tail = bc_record_tail(ring);

	if (daemon->config.format == CONFIG_FORMAT_RAW)
		return tail;
	/* a tail that is just being moved has no number: ours will do */
	if (tail.position > at.position || at.sequence == 0)
		at = tail;
	return bc_record_walk(ring, at, WALK_BYTES_MAX);
}

bool follow_has_news(const struct daemon *daemon)
{
	return find_tail(daemon).position > daemon->home.tail;
}

void follow_stream(struct daemon *daemon)
{
	struct bc_record_place at;
	uint64_t bytes;

	if (daemon->ingest.received > 0)
		return;
	at = find_tail(daemon);
	daemon->local.sequence = at.sequence;
	if (at.position <= daemon->home.tail)
		return;
	bytes = at.position - daemon->home.tail;
	daemon->home.tail = at.position;
	bc_counter_add(daemon->counters, BC_COUNTER_bytes_in, bytes);
	bc_counter_add(daemon->counters, BC_COUNTER_publishes, 1);
	/* here, since it is not only the loop that follows */
	receivers_published(daemon);
}
