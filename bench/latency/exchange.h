/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - the loops of latency.h, written once. They are inlined into
 * each system's file with its two functions known to the compiler, so that no
 * system pays for an indirect call.
 */
#ifndef BENCH_LATENCY_EXCHANGE_H
#define BENCH_LATENCY_EXCHANGE_H

#include <string.h>

#include "latency.h"
#include "message.h"
#include "processor.h"
#include "ticks.h"

#define EXCHANGE_SMALL	64
#define EXCHANGE_INLINE static inline __attribute__((always_inline))

/* How a system hands messages over. `ends` is what it has opened. */
struct exchange {
	/* Copies it in and publishes it: 0, or < 0 with crew_fail(). */
	int (*send)(struct crew_member *me, void *ends, const void *message,
		    size_t size);
	/*
	 * Waits for the next and copies it out: 1; 0: it is all over, or
	 * messages were missed; < 0 with crew_fail().
	 */
	int (*receive)(struct crew_member *me, void *ends, void *message,
		       size_t size);
};

struct exchange_buffer {
	_Alignas(64) uint8_t bytes[MESSAGE_MAX];
};

EXCHANGE_INLINE struct latency_stamp exchange_stamp(
	const struct exchange_buffer *buffer)
{
	struct latency_stamp stamp;

	memcpy(&stamp, buffer->bytes, sizeof(stamp));
	return stamp;
}

EXCHANGE_INLINE bool exchange_measuring(const struct crew_member *me)
{
	return atomic_load_explicit(&me->crew->measuring, memory_order_relaxed);
}

/* A reader's check: each number follows the last. */
EXCHANGE_INLINE void exchange_follow(struct crew_member *me, uint64_t number,
				     uint64_t *last)
{
	crew_count(&me->messages, 1);
	if (number > *last + 1 && *last != 0)
		crew_count(&me->lost, number - *last - 1);
	else if (number <= *last)
		crew_count(&me->wrong, 1);
	*last = number;
}

/* ---- The leader -------------------------------------------------------- */

/* Until the answer to `number`; 0: it is all over. */
EXCHANGE_INLINE int exchange_answer(struct crew_member *me,
				    const struct exchange *exchange, void *ends,
				    struct exchange_buffer *buffer, size_t size,
				    uint64_t number)
{
	while (!crew_over(me)) {
		const int ret =
			exchange->receive(me, ends, buffer->bytes, size);

		if (ret < 0)
			return ret;
		if (ret > 0 && exchange_stamp(buffer).number == number)
			return 1;
		if (ret > 0)
			crew_count(&me->wrong, 1);
	}
	return 0;
}

EXCHANGE_INLINE int exchange_round_trips(struct crew_member *me,
					 const struct exchange *exchange,
					 void *ends, size_t size)
{
	static struct exchange_buffer out;
	static struct exchange_buffer in;
	struct latency_stamp stamp = {0};
	int ret = 1;

	while (ret > 0) {
		uint64_t end;

		stamp.number++;
		memcpy(out.bytes, &stamp, sizeof(stamp));
		stamp.due = ticks_now();
		ret = exchange->send(me, ends, out.bytes, size);
		if (ret < 0)
			return ret;
		ret = exchange_answer(me, exchange, ends, &in, size,
				      stamp.number);
		end = ticks_now();
		crew_count(&me->messages, 1);
		if (ret > 0 && exchange_measuring(me))
			spread_add(&me->times, (end - stamp.due) / 2);
	}
	return ret;
}

EXCHANGE_INLINE int exchange_schedule(struct crew_member *me,
				      const struct latency_task *task,
				      const struct exchange *exchange,
				      void *ends, size_t size)
{
	static struct exchange_buffer out;
	const uint64_t interval =
		(uint64_t)(task->interval_ns * task->ticks_per_ns);
	struct latency_stamp stamp = {.due = ticks_now()};
	int ret = 0;

	while (ret >= 0 && !crew_over(me)) {
		stamp.number++;
		stamp.due += interval;
		memcpy(out.bytes, &stamp, sizeof(stamp));
		while (ticks_now() < stamp.due)
			ticks_pause();
		ret = exchange->send(me, ends, out.bytes, size);
		crew_count(&me->messages, 1);
	}
	return ret;
}

/* ---- The readers ------------------------------------------------------- */

EXCHANGE_INLINE int exchange_echo(struct crew_member *me,
				  const struct exchange *exchange, void *ends,
				  size_t size)
{
	static struct exchange_buffer buffer;
	uint64_t last = 0;
	int ret = 0;

	while (ret >= 0 && !crew_over(me)) {
		ret = exchange->receive(me, ends, buffer.bytes, size);
		if (ret <= 0)
			continue;
		ret = exchange->send(me, ends, buffer.bytes, size);
		exchange_follow(me, exchange_stamp(&buffer).number, &last);
	}
	return ret;
}

EXCHANGE_INLINE int exchange_listen(struct crew_member *me,
				    const struct latency_task *task,
				    const struct exchange *exchange, void *ends,
				    size_t size)
{
	static struct exchange_buffer buffer;
	uint64_t last = 0;
	int ret = 0;

	while (ret >= 0 && !crew_over(me)) {
		struct latency_stamp stamp;
		uint64_t now;

		ret = exchange->receive(me, ends, buffer.bytes, size);
		if (ret <= 0)
			continue;
		now = ticks_now();
		stamp = exchange_stamp(&buffer);
		/* counters may differ by less than the way takes */
		if (task->schedule && exchange_measuring(me))
			spread_add(&me->times,
				   now > stamp.due ? now - stamp.due : 0);
		exchange_follow(me, stamp.number, &last);
	}
	return ret;
}

/* ---- All of them ------------------------------------------------------- */

EXCHANGE_INLINE int exchange_part(struct crew_member *me,
				  const struct latency_task *task,
				  const struct exchange *exchange, void *ends,
				  size_t size)
{
	const long index = me - me->crew->members;

	if (index == 0 && task->schedule)
		return exchange_schedule(me, task, exchange, ends, size);
	if (index == 0)
		return exchange_round_trips(me, exchange, ends, size);
	if (index == 1 && !task->schedule)
		return exchange_echo(me, exchange, ends, size);
	return exchange_listen(me, task, exchange, ends, size);
}

/*
 * A member's part, once all are ready. Small messages have a loop of their own,
 * with their size known to the compiler.
 */
EXCHANGE_INLINE int exchange_work(struct crew_member *me,
				  const struct latency_task *task,
				  const struct exchange *exchange, void *ends)
{
	if (!crew_begin(me))
		return 0;
	if (task->size == EXCHANGE_SMALL)
		return exchange_part(me, task, exchange, ends, EXCHANGE_SMALL);
	return exchange_part(me, task, exchange, ends, task->size);
}

/* Is this member the leader: does it send there and receive back? */
EXCHANGE_INLINE bool exchange_leads(const struct crew_member *me)
{
	return me == me->crew->members;
}

/* Who polls; more members than processors: see processor.h. */
EXCHANGE_INLINE struct processor_idle exchange_idle(
	const struct latency_task *task)
{
	return (struct processor_idle){.crowded = task->readers + 1 >
						  processor_count()};
}

#endif
