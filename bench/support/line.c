/* SPDX-License-Identifier: MIT */
/* line.c - see line.h. */
#include "line.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "processor.h"
#include "spread.h"
#include "ticks.h"

#define LINE_NS	      20000000
#define LOOKS_AT_MOST (1u << 22) /* about 0.1 s: who is gone? */

struct line {
	_Alignas(128) atomic_uint_fast64_t ball; /* odd: to be returned */
	uint64_t returned_at;			 /* written before the ball */
	_Alignas(128) atomic_bool over;
	int processor;
	/* the leader's own, away from what the other looks at */
	_Alignas(128) struct spread trips;
	/* Of the quickest trip, which leaves the least room for error. */
	uint64_t quickest;
	int64_t skew;
};

static void *give_back(void *argument)
{
	struct line *line = argument;

	(void)processor_pin(line->processor);
	while (!atomic_load_explicit(&line->over, memory_order_relaxed)) {
		const uint64_t ball =
			atomic_load_explicit(&line->ball, memory_order_acquire);

		if (ball % 2 == 0) {
			ticks_pause();
			continue;
		}
		line->returned_at = ticks_now();
		atomic_store_explicit(&line->ball, ball + 1,
				      memory_order_release);
	}
	return NULL;
}

/* One trip; false: the other side does not answer. */
static bool bounce(struct line *line, uint64_t ball)
{
	const uint64_t start = ticks_now();
	unsigned looks = 0;
	uint64_t end;

	atomic_store_explicit(&line->ball, ball, memory_order_release);
	while (atomic_load_explicit(&line->ball, memory_order_acquire) ==
	       ball) {
		ticks_pause();
		if (++looks == LOOKS_AT_MOST)
			return false;
	}
	end = ticks_now();
	spread_add(&line->trips, end - start);
	if (end - start < line->quickest) {
		line->quickest = end - start;
		line->skew = (int64_t)(line->returned_at - start -
				       (end - start) / 2);
	}
	return true;
}

static __attribute__((noinline)) void play(struct line *line, double per_ns)
{
	const uint64_t end = ticks_now() + (uint64_t)(LINE_NS * per_ns);

	for (uint64_t ball = 1; ticks_now() < end; ball += 2) {
		if (!bounce(line, ball))
			return;
	}
}

int line_measure(int first, int second, double per_ns, struct line_state *state)
{
	struct line *line;
	cpu_set_t allowed;
	pthread_t thread;

	*state = (struct line_state){0};
	if (first == second)
		return 0;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	line = aligned_alloc(128, (sizeof(*line) + 127) / 128 * 128);
	if (line == NULL)
		return -ENOMEM;
	*line = (struct line){.processor = second, .quickest = UINT64_MAX};
	if (pthread_create(&thread, NULL, give_back, line) != 0) {
		free(line);
		return -EAGAIN;
	}
	(void)processor_pin(first);
	play(line, per_ns);
	atomic_store(&line->over, true);
	(void)pthread_join(thread, NULL);
	(void)sched_setaffinity(0, sizeof(allowed), &allowed);
	state->one_way_ns = (double)spread_at(&line->trips, 0.5) / 2 / per_ns;
	state->skew_ns = (double)line->skew / per_ns;
	free(line);
	return 0;
}
