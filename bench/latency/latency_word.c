/* SPDX-License-Identifier: MIT */
/*
 * latency_word.c - the limits with nothing to carry: a word that goes back and
 * forth, seen by polling (a bare cache line) or by sleeping on it (a bare
 * futex). The time a message should have left stands on the word's own line;
 * --size is not looked at.
 */
#include "exchange.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLEEP_MS 100 /* at most, between two looks whether it is over */

struct word_shared {
	_Alignas(128) _Atomic uint32_t futex; /* counts, for futex(2) */
	atomic_uint_fast64_t number;
	uint64_t due;
};

struct latency_word {
	struct word_shared there;
	struct word_shared back;
};

struct ends {
	struct word_shared *out;
	struct word_shared *in;
	uint64_t seen;
	struct processor_idle idle;
};

static int prepare(struct latency_task *task)
{
	void *words = mmap(NULL, sizeof(*task->words), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (words == MAP_FAILED)
		return -errno;
	task->words = words;
	return 0;
}

/* ---- By polling -------------------------------------------------------- */

EXCHANGE_INLINE void put(struct ends *ends, const void *message)
{
	struct latency_stamp stamp;

	memcpy(&stamp, message, sizeof(stamp));
	ends->out->due = stamp.due;
	/* with take() */
	atomic_store_explicit(&ends->out->number, stamp.number,
			      memory_order_release);
}

EXCHANGE_INLINE bool take(struct ends *ends, void *message)
{
	/* with put() */
	struct latency_stamp stamp = {
		.number = atomic_load_explicit(&ends->in->number,
					       memory_order_acquire)};

	if (stamp.number == ends->seen)
		return false;
	stamp.due = ends->in->due;
	memcpy(message, &stamp, sizeof(stamp));
	ends->seen = stamp.number;
	return true;
}

static inline int line_send(struct crew_member *me, void *context,
			    const void *message, size_t size)
{
	(void)me;
	(void)size;
	put(context, message);
	return 0;
}

static inline int line_receive(struct crew_member *me, void *context,
			       void *message, size_t size)
{
	struct ends *ends = context;

	(void)size;
	while (!take(ends, message)) {
		if (crew_over(me))
			return 0;
		processor_relax(&ends->idle);
	}
	return 1;
}

/* ---- By sleeping ------------------------------------------------------- */

static inline int futex_send(struct crew_member *me, void *context,
			     const void *message, size_t size)
{
	const struct ends *ends = context;

	(void)me;
	(void)size;
	put(context, message);
	atomic_fetch_add(&ends->out->futex, 1);
	(void)syscall(SYS_futex, &ends->out->futex, FUTEX_WAKE, INT_MAX, NULL,
		      NULL, 0);
	return 0;
}

static inline int futex_receive(struct crew_member *me, void *context,
				void *message, size_t size)
{
	const struct timespec timeout = {.tv_nsec = SLEEP_MS * 1000000};
	struct ends *ends = context;

	(void)size;
	for (;;) {
		const uint32_t word = atomic_load(&ends->in->futex);

		if (take(ends, message))
			return 1;
		if (crew_over(me))
			return 0;
		(void)syscall(SYS_futex, &ends->in->futex, FUTEX_WAIT, word,
			      &timeout, NULL, 0);
	}
}

/* ---- The members ------------------------------------------------------- */

static struct ends ends_of(const struct crew_member *me,
			   const struct latency_task *task)
{
	struct latency_word *words = task->words;
	const bool leads = exchange_leads(me);

	return (struct ends){
		.out = leads ? &words->there : &words->back,
		.in = leads ? &words->back : &words->there,
		.idle = exchange_idle(task),
	};
}

static int line_work(struct crew_member *me, void *context)
{
	static const struct exchange by_line = {line_send, line_receive};
	struct ends ends = ends_of(me, context);

	return exchange_work(me, context, &by_line, &ends);
}

static int futex_work(struct crew_member *me, void *context)
{
	static const struct exchange by_futex = {futex_send, futex_receive};
	struct ends ends = ends_of(me, context);

	return exchange_work(me, context, &by_futex, &ends);
}

const struct latency_system latency_line = {
	.name = "line",
	.about = "a bare cache line, polled",
	.prepare = prepare,
	.work = line_work,
};

const struct latency_system latency_futex = {
	.name = "futex",
	.about = "a bare futex, both sides asleep",
	.parks = true,
	.prepare = prepare,
	.work = futex_work,
};
