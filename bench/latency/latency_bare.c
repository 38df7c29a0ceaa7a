/* SPDX-License-Identifier: MIT */
/*
 * latency_bare.c - the limits that carry something: the record handed over by
 * two bare rings (bare_ring.h), one there and one back, seen by polling the
 * head, or by sleeping on a futex beside it.
 */
#include "exchange.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RING_BYTES (4u << 20)
#define SLEEP_MS   100

struct ends {
	struct bare_writer writer;
	struct bare_reader reader;
	struct processor_idle idle;
};

static int prepare(struct latency_task *task)
{
	const int ret =
		bare_ring_create(&task->bare[0], RING_BYTES, task->readers);

	return ret < 0 ? ret : bare_ring_create(&task->bare[1], RING_BYTES, 1);
}

static struct ends ends_of(const struct crew_member *me,
			   struct latency_task *task)
{
	const bool leads = exchange_leads(me);
	struct ends ends = {
		.reader.ring = &task->bare[leads ? 1 : 0],
		.reader.index =
			leads ? 0 : (unsigned)(me - me->crew->members) - 1,
		.idle = exchange_idle(task),
	};

	bare_writer_start(&ends.writer, &task->bare[leads ? 0 : 1]);
	return ends;
}

/* ---- By polling -------------------------------------------------------- */

static inline int spin_send(struct crew_member *me, void *context,
			    const void *message, size_t size)
{
	struct ends *ends = context;

	while (!bare_writer_room(&ends->writer, bare_ring_size(size))) {
		if (crew_over(me))
			return 0;
		ticks_pause();
	}
	bare_writer_put(&ends->writer, message, size);
	bare_writer_publish(&ends->writer);
	return 0;
}

EXCHANGE_INLINE void copy_out(struct ends *ends, void *message, size_t size)
{
	memcpy(message, bare_reader_at(&ends->reader) + 1, size);
	ends->reader.position += bare_ring_size(size);
	bare_reader_release(&ends->reader);
}

static inline int spin_receive(struct crew_member *me, void *context,
			       void *message, size_t size)
{
	struct ends *ends = context;

	while (bare_reader_head(&ends->reader) == ends->reader.position) {
		if (crew_over(me))
			return 0;
		processor_relax(&ends->idle);
	}
	copy_out(ends, message, size);
	return 1;
}

static int spin_work(struct crew_member *me, void *context)
{
	static const struct exchange by_spin = {spin_send, spin_receive};
	struct ends ends = ends_of(me, context);

	return exchange_work(me, context, &by_spin, &ends);
}

/* ---- By sleeping ------------------------------------------------------- */

static inline int futex_send(struct crew_member *me, void *context,
			     const void *message, size_t size)
{
	struct bare_ring_shared *shared =
		((struct ends *)context)->writer.ring->shared;
	const int ret = spin_send(me, context, message, size);

	atomic_fetch_add(&shared->futex, 1);
	(void)syscall(SYS_futex, &shared->futex, FUTEX_WAKE, INT_MAX, NULL,
		      NULL, 0);
	return ret;
}

static inline int futex_receive(struct crew_member *me, void *context,
				void *message, size_t size)
{
	const struct timespec timeout = {.tv_nsec = SLEEP_MS * 1000000};
	struct ends *ends = context;
	struct bare_ring_shared *shared = ends->reader.ring->shared;

	for (;;) {
		const uint32_t word = atomic_load(&shared->futex);

		if (bare_reader_head(&ends->reader) != ends->reader.position)
			break;
		if (crew_over(me))
			return 0;
		(void)syscall(SYS_futex, &shared->futex, FUTEX_WAIT, word,
			      &timeout, NULL, 0);
	}
	copy_out(ends, message, size);
	return 1;
}

static int futex_work(struct crew_member *me, void *context)
{
	static const struct exchange by_futex = {futex_send, futex_receive};
	struct ends ends = ends_of(me, context);

	return exchange_work(me, context, &by_futex, &ends);
}

const struct latency_system latency_bare = {
	.name = "bare",
	.about = "a bare ring, polled",
	.prepare = prepare,
	.work = spin_work,
};

const struct latency_system latency_bare_futex = {
	.name = "bare-futex",
	.about = "a bare ring and a futex, both sides asleep",
	.parks = true,
	.prepare = prepare,
	.work = futex_work,
};
