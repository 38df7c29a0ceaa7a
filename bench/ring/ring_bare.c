/* SPDX-License-Identifier: MIT */
/*
 * ring_bare.c - the limits: the bare ring, its head stored per record and per
 * batch, and without a head, each record shown by its own header.
 *
 * The loops are written once and made four times, with the size of a small
 * message and the kind of loss known to the compiler, as in an application
 * that sends one kind of message. They stay out of main(), which gcc optimises
 * for size.
 */
#include "ring.h"

#include <errno.h>
#include <string.h>

#define SMALL  64
#define INLINE static inline __attribute__((always_inline))

static int prepare(struct ring_task *task)
{
	return bare_ring_create(&task->bare, task->ring_bytes, task->readers);
}

/* ---- Writing ----------------------------------------------------------- */

INLINE void write_all(struct crew_member *me, struct ring_task *task,
		      struct message_source *source, size_t size,
		      unsigned batch, bool lossy)
{
	const uint64_t bytes = batch * bare_ring_size(size);
	struct bare_writer writer;

	bare_writer_start(&writer, &task->bare);
	while (!crew_over(me)) {
		if (lossy)
			bare_writer_reserve(&writer, bytes);
		else if (!bare_writer_room(&writer, bytes)) {
			ticks_pause();
			continue;
		}
		for (unsigned i = 0; i < batch; i++)
			bare_writer_put(&writer, message_next(source), size);
		bare_writer_publish(&writer);
		atomic_store_explicit(&me->messages, writer.number,
				      memory_order_relaxed);
	}
}

static __attribute__((noinline)) void write_with(struct crew_member *me,
						 struct ring_task *task,
						 struct message_source *source,
						 unsigned batch)
{
	if (task->size == SMALL && task->lossy)
		write_all(me, task, source, SMALL, batch, true);
	else if (task->size == SMALL)
		write_all(me, task, source, SMALL, batch, false);
	else
		write_all(me, task, source, task->size, batch, task->lossy);
}

static int write_by(struct crew_member *me, struct ring_task *task,
		    unsigned batch)
{
	static struct message_source source;

	message_start(&source, task->size);
	if (crew_begin(me))
		write_with(me, task, &source, batch);
	return 0;
}

static int write_each(struct crew_member *me, void *context)
{
	return write_by(me, context, 1);
}

static int write_batch(struct crew_member *me, void *context)
{
	return write_by(me, context, ring_batch(context));
}

/* ---- Reading ----------------------------------------------------------- */

/* Lapped: go on an eighth of the ring after what is safe, as bcast does. */
static void skip(struct bare_reader *reader, size_t size)
{
	const uint64_t record = bare_ring_size(size);
	const uint64_t oldest =
		bare_reader_head(reader) - reader->ring->capacity / 8 * 7;

	reader->position = (oldest / record + 1) * record;
}

/* From the position to `end`; false: lapped in between. */
INLINE bool read_span(struct bare_reader *reader, uint64_t end,
		      struct ring_tally *tally, enum message_depth depth,
		      bool lossy)
{
	while (reader->position < end) {
		const struct bare_record *record = bare_reader_at(reader);
		const size_t size = record->length;
		const uint64_t number = message_touch(
			(const uint8_t *)(record + 1), size, depth);

		if (lossy && !bare_reader_intact(reader))
			return false;
		ring_follow(tally, number);
		reader->position += bare_ring_size(size);
	}
	return true;
}

INLINE void read_all(struct crew_member *me, struct ring_task *task,
		     enum message_depth depth, bool lossy)
{
	struct bare_reader reader = {.ring = &task->bare,
				     .index = ring_reader_index(me)};
	struct processor_idle idle = ring_idle(task);
	struct ring_tally tally = {0};

	while (!crew_over(me)) {
		uint64_t end = bare_reader_head(&reader);

		if (end == reader.position) {
			processor_relax(&idle);
			continue;
		}
		/* a whole record at least: this may cut, and read beyond it */
		if (end > reader.position + RING_RELEASE_BYTES)
			end = reader.position + RING_RELEASE_BYTES;
		if (!read_span(&reader, end, &tally, depth, lossy))
			skip(&reader, task->size);
		bare_reader_release(&reader);
		ring_tell(me, &tally);
	}
}

static __attribute__((noinline)) void read_with(struct crew_member *me,
						struct ring_task *task)
{
	if (task->lossy)
		read_all(me, task, task->depth, true);
	else if (task->depth == MESSAGE_HEAD)
		read_all(me, task, MESSAGE_HEAD, false);
	else
		read_all(me, task, MESSAGE_LINES, false);
}

static int read_bare(struct crew_member *me, void *context)
{
	if (crew_begin(me))
		read_with(me, context);
	return 0;
}

/* ---- By header --------------------------------------------------------- */

INLINE void show_all(struct crew_member *me, struct ring_task *task,
		     struct message_source *source, size_t size)
{
	/* and the next header, which is made invalid */
	const uint64_t bytes =
		bare_ring_size(size) + sizeof(struct bare_record);
	struct bare_writer writer;

	bare_writer_start(&writer, &task->bare);
	while (!crew_over(me)) {
		if (!bare_writer_room(&writer, bytes)) {
			ticks_pause();
			continue;
		}
		bare_writer_show(&writer, message_next(source), size);
		atomic_store_explicit(&me->messages, writer.number,
				      memory_order_relaxed);
	}
}

static __attribute__((noinline)) void show_with(struct crew_member *me,
						struct ring_task *task,
						struct message_source *source)
{
	if (task->size == SMALL)
		show_all(me, task, source, SMALL);
	else
		show_all(me, task, source, task->size);
}

static int write_header(struct crew_member *me, void *context)
{
	static struct message_source source;
	struct ring_task *task = context;

	message_start(&source, task->size);
	if (crew_begin(me))
		show_with(me, task, &source);
	return 0;
}

static __attribute__((noinline)) void read_shown(struct crew_member *me,
						 struct ring_task *task)
{
	struct bare_reader reader = {.ring = &task->bare,
				     .index = ring_reader_index(me)};
	struct processor_idle idle = ring_idle(task);
	struct ring_tally tally = {0};
	uint64_t released = 0;

	while (!crew_over(me)) {
		const struct bare_record *record = bare_reader_at(&reader);
		const bool shown =
			bare_reader_shown(&reader, tally.expected + 1);

		if (shown) {
			ring_follow(&tally,
				    message_touch((const uint8_t *)(record + 1),
						  record->length, task->depth));
			reader.position += bare_ring_size(record->length);
		}
		if (shown && reader.position - released < RING_RELEASE_BYTES)
			continue;
		if (!shown)
			processor_relax(&idle);
		if (released == reader.position)
			continue;
		released = reader.position;
		bare_reader_release(&reader);
		ring_tell(me, &tally);
	}
}

static int read_header(struct crew_member *me, void *context)
{
	if (crew_begin(me))
		read_shown(me, context);
	return 0;
}

const struct ring_system ring_bare_header = {
	.name = "bare-header",
	.about = "bare ring, each record shown by its own header",
	.prepare = prepare,
	.write = write_header,
	.read = read_header,
};

const struct ring_system ring_bare_each = {
	.name = "bare-each",
	.about = "bare ring, a shared head stored per record",
	.can_lose = true,
	.prepare = prepare,
	.write = write_each,
	.read = read_bare,
};

const struct ring_system ring_bare_batch = {
	.name = "bare-batch",
	.about = "bare ring, the head stored per batch",
	.can_lose = true,
	.prepare = prepare,
	.write = write_batch,
	.read = read_bare,
};
