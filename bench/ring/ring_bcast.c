/* SPDX-License-Identifier: MIT */
/*
 * ring_bcast.c - bcast: a local publisher and local readers, by the public API
 * only.
 *
 *	-each		bcast_publish() of one message, bcast_next()
 *	-each-span	the same, read by bcast_peek() and a walk
 *	-each-crc	as -each, with a checksum, which the reader verifies
 *	-claim		bcast_claim(), written in place, bcast_next()
 *	-batch		bcast_batch_*(), bcast_peek() and a walk
 *	-batch-next	the same, read by bcast_next()
 *
 * bcast's writer does not wait for plain readers. Where nothing may be lost,
 * the writer paces itself by the readers' counts, as the bare ring does by
 * their tails: at most 3/4 of the ring ahead of the slowest.
 */
#include "ring.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bcast/bcast.h>

#define SMALL	64
#define NO_PACE UINT64_MAX

#define INLINE static inline __attribute__((always_inline))

/* ---- How far ahead ----------------------------------------------------- */

struct pace {
	struct crew *crew;
	uint64_t window;  /* messages that may be unread */
	uint64_t allowed; /* messages that may have been written by now */
};

static struct pace pace_of(struct crew_member *me, const struct ring_task *task)
{
	const size_t record = bcast_packet_size((uint32_t)task->size);
	const uint64_t window = task->ring_bytes / 4 * 3 / record;

	return (struct pace){.crew = me->crew,
			     .window = window,
			     .allowed = task->lossy ? NO_PACE : window};
}

static __attribute__((noinline)) bool pace_refill(struct pace *pace,
						  uint64_t wanted)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 1; i < pace->crew->count; i++) {
		/* with ring_tell() */
		const uint64_t read = atomic_load_explicit(
			&pace->crew->members[i].messages, memory_order_acquire);

		least = read < least ? read : least;
	}
	pace->allowed = least + pace->window;
	return wanted <= pace->allowed;
}

/* May the count of written messages become `wanted`? */
static inline bool pace_room(struct pace *pace, uint64_t wanted)
{
	if (wanted <= pace->allowed)
		return true;
	ticks_pause();
	return pace_refill(pace, wanted);
}

/* ---- Writing ----------------------------------------------------------- */

struct writer {
	struct bcast_node *node;
	struct bcast_publisher *publisher;
	struct message_source source;
};

static int writer_open(struct crew_member *me, const struct ring_task *task,
		       struct writer *writer, uint32_t flags)
{
	struct bcast_publisher_options how = BCAST_PUBLISHER_DEFAULTS;
	char id[BCAST_NODE_ID_MAX];
	int ret;

	(void)snprintf(id, sizeof(id), "bench-ring-%d", getpid());
	ret = bcast_join(task->stream, id, NULL, &writer->node);
	if (ret < 0)
		return crew_fail(me, "bcast_join", bcast_strerror(ret));
	how.flags = flags;
	ret = bcast_publisher_open(writer->node, &how, &writer->publisher);
	if (ret < 0)
		return crew_fail(me, "bcast_publisher_open",
				 bcast_strerror(ret));
	message_start(&writer->source, task->size);
	return 0;
}

static void writer_close(struct writer *writer)
{
	bcast_publisher_close(writer->publisher);
	bcast_leave(writer->node);
}

INLINE int publish_one(struct writer *writer, size_t size)
{
	return bcast_publish(writer->publisher, message_next(&writer->source),
			     size);
}

INLINE int claim_one(struct writer *writer, size_t size)
{
	void *room;
	const int ret = bcast_claim(writer->publisher, size, &room);

	if (ret < 0)
		return ret;
	memcpy(room, message_next(&writer->source), size);
	return bcast_commit(writer->publisher, size);
}

INLINE int publish_batch(struct writer *writer, size_t size, unsigned records)
{
	struct bcast_batch batch;
	void *room;
	int ret = bcast_batch_begin(writer->publisher,
				    records * bcast_packet_size((uint32_t)size),
				    &batch);

	if (ret < 0)
		return ret;
	while ((room = bcast_batch_add(&batch, (uint32_t)size)) != NULL)
		memcpy(room, message_next(&writer->source), size);
	return bcast_batch_commit(writer->publisher, &batch);
}

enum way {
	WAY_PUBLISH,
	WAY_CLAIM,
	WAY_BATCH,
};

INLINE int write_all(struct crew_member *me, const struct ring_task *task,
		     struct writer *writer, size_t size, enum way way)
{
	const unsigned step = way == WAY_BATCH ? ring_batch(task) : 1;
	struct pace pace = pace_of(me, task);
	uint64_t written = 0;
	int ret = 0;

	while (!crew_over(me) && ret >= 0) {
		if (!pace_room(&pace, written + step))
			continue;
		if (way == WAY_PUBLISH)
			ret = publish_one(writer, size);
		else if (way == WAY_CLAIM)
			ret = claim_one(writer, size);
		else
			ret = publish_batch(writer, size, step);
		written += step;
		atomic_store_explicit(&me->messages, written,
				      memory_order_relaxed);
	}
	return ret;
}

/* Each way its own loop, with the size of small messages known: ring_bare.c */
static __attribute__((noinline)) int write_with(struct crew_member *me,
						const struct ring_task *task,
						struct writer *writer,
						enum way way)
{
	const bool small = task->size == SMALL;
	const size_t size = task->size;

	switch (way) {
	case WAY_PUBLISH:
		return write_all(me, task, writer, size, WAY_PUBLISH);
	case WAY_CLAIM:
		if (small)
			return write_all(me, task, writer, SMALL, WAY_CLAIM);
		return write_all(me, task, writer, size, WAY_CLAIM);
	case WAY_BATCH:
		if (small)
			return write_all(me, task, writer, SMALL, WAY_BATCH);
		return write_all(me, task, writer, size, WAY_BATCH);
	}
	return 0;
}

static int write_by(struct crew_member *me, const struct ring_task *task,
		    enum way way, uint32_t flags)
{
	static struct writer writer;
	int ret = writer_open(me, task, &writer, flags);

	if (ret >= 0 && crew_begin(me)) {
		ret = write_with(me, task, &writer, way);
		if (ret < 0)
			ret = crew_fail(me, "publishing", bcast_strerror(ret));
	}
	writer_close(&writer);
	return ret;
}

static int write_each(struct crew_member *me, void *context)
{
	return write_by(me, context, WAY_PUBLISH, 0);
}

static int write_each_crc(struct crew_member *me, void *context)
{
	return write_by(me, context, WAY_PUBLISH, BCAST_CHECKSUM);
}

static int write_claim(struct crew_member *me, void *context)
{
	return write_by(me, context, WAY_CLAIM, 0);
}

static int write_batch(struct crew_member *me, void *context)
{
	return write_by(me, context, WAY_BATCH, 0);
}

/* ---- Reading ----------------------------------------------------------- */

/* Messages between two tellings of the count. */
static uint64_t tell_every(const struct ring_task *task)
{
	const uint64_t n = RING_RELEASE_BYTES / 4 / task->size;

	return n == 0 ? 1 : n;
}

enum how {
	HOW_NEXT,
	HOW_VERIFY, /* and whether it is what its checksum says */
	HOW_SPAN,
};

/* > 0: read; 0: there was nothing; < 0: lapped, or an error. */
INLINE int read_next(struct bcast_reader *reader, struct ring_tally *tally,
		     enum message_depth depth, enum how how)
{
	struct bcast_packet packet;
	uint64_t number;
	int right = 1;
	int ret = bcast_next(reader, &packet);

	if (ret <= 0)
		return ret;
	if (how == HOW_VERIFY)
		right = bcast_packet_verify(&packet);
	number = message_touch(packet.payload, packet.length, depth);
	ret = bcast_consume(reader, packet.size);
	if (ret < 0)
		return ret;
	if (!right)
		tally->wrong++;
	ring_follow(tally, number);
	return 1;
}

/* All that there is, walked in place. What it says counts if it was whole. */
INLINE int read_span(struct bcast_reader *reader, struct ring_tally *tally,
		     enum message_depth depth)
{
	const struct bcast_packet_header *packet;
	struct ring_tally seen = *tally;
	const void *span;
	size_t at = 0;
	size_t size;
	int64_t ret = bcast_peek(reader, &span);

	if (ret <= 0)
		return (int)ret;
	size = (size_t)ret;
	while ((packet = bcast_packet_in(span, size, at)) != NULL) {
		ring_follow(&seen, message_touch((const uint8_t *)(packet + 1),
						 packet->length, depth));
		at += bcast_packet_size(packet->length);
	}
	ret = bcast_consume(reader, at);
	if (ret < 0)
		return (int)ret;
	*tally = seen;
	return 1;
}

INLINE int read_all(struct crew_member *me, const struct ring_task *task,
		    struct bcast_reader *reader, enum message_depth depth,
		    enum how how)
{
	const uint64_t every = how == HOW_SPAN ? 1 : tell_every(task);
	struct processor_idle idle = ring_idle(task);
	struct ring_tally tally = {0};
	uint64_t untold = 0;

	while (!crew_over(me)) {
		const int ret = how == HOW_SPAN
					? read_span(reader, &tally, depth)
					: read_next(reader, &tally, depth, how);

		if (ret < 0 && ret != BCAST_ELAPPED)
			return crew_fail(me, "reading", bcast_strerror(ret));
		if (ret > 0 && ++untold < every)
			continue;
		if (untold > 0)
			ring_tell(me, &tally);
		untold = 0;
		if (ret == 0)
			processor_relax(&idle);
	}
	return 0;
}

static __attribute__((noinline)) int read_with(struct crew_member *me,
					       const struct ring_task *task,
					       struct bcast_reader *reader,
					       enum how how)
{
	if (how == HOW_VERIFY)
		return read_all(me, task, reader, task->depth, HOW_VERIFY);
	if (task->depth == MESSAGE_HEAD && how == HOW_SPAN)
		return read_all(me, task, reader, MESSAGE_HEAD, HOW_SPAN);
	if (task->depth == MESSAGE_HEAD)
		return read_all(me, task, reader, MESSAGE_HEAD, HOW_NEXT);
	if (how == HOW_SPAN)
		return read_all(me, task, reader, MESSAGE_LINES, HOW_SPAN);
	return read_all(me, task, reader, MESSAGE_LINES, HOW_NEXT);
}

static int read_by(struct crew_member *me, const struct ring_task *task,
		   enum how how)
{
	struct bcast_reader *reader;
	int ret = bcast_attach(task->stream, NULL, &reader);

	if (ret < 0)
		return crew_fail(me, "bcast_attach", bcast_strerror(ret));
	if (bcast_capacity(reader) != task->ring_bytes)
		ret = crew_fail(me, task->stream, "has another --ring-size");
	else if (crew_begin(me))
		ret = read_with(me, task, reader, how);
	bcast_detach(reader);
	return ret;
}

static int read_by_next(struct crew_member *me, void *context)
{
	return read_by(me, context, HOW_NEXT);
}

static int read_by_next_verified(struct crew_member *me, void *context)
{
	return read_by(me, context, HOW_VERIFY);
}

static int read_by_span(struct crew_member *me, void *context)
{
	return read_by(me, context, HOW_SPAN);
}

const struct ring_system ring_bcast_each = {
	.name = "bcast-each",
	.about = "bcast_publish per message, bcast_next",
	.can_lose = true,
	.write = write_each,
	.read = read_by_next,
};

const struct ring_system ring_bcast_each_crc = {
	.name = "bcast-each-crc",
	.about = "bcast_publish with a checksum, bcast_next and verified",
	.can_lose = true,
	.write = write_each_crc,
	.read = read_by_next_verified,
};

const struct ring_system ring_bcast_each_span = {
	.name = "bcast-each-span",
	.about = "bcast_publish per message, bcast_peek",
	.can_lose = true,
	.write = write_each,
	.read = read_by_span,
};

const struct ring_system ring_bcast_claim = {
	.name = "bcast-claim",
	.about = "bcast_claim and bcast_commit per message, bcast_next",
	.can_lose = true,
	.write = write_claim,
	.read = read_by_next,
};

const struct ring_system ring_bcast_batch = {
	.name = "bcast-batch",
	.about = "bcast_batch_*, bcast_peek",
	.can_lose = true,
	.write = write_batch,
	.read = read_by_span,
};

const struct ring_system ring_bcast_batch_next = {
	.name = "bcast-batch-next",
	.about = "bcast_batch_*, bcast_next",
	.can_lose = true,
	.write = write_batch,
	.read = read_by_next,
};
