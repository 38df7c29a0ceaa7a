/* SPDX-License-Identifier: MIT */
/*
 * processor.h - who runs where: the writer on the first usable processor, the
 * readers in turns on the others. A crowd is more of them than processors:
 * then who finds nothing gives way now and then, or the one that would have
 * something to say does not come to run.
 */
#ifndef BENCH_PROCESSOR_H
#define BENCH_PROCESSOR_H

#include <stdbool.h>
#include <sched.h>

#include "ticks.h"

#define PROCESSOR_LOOKS_PER_YIELD 64

/* The processor of a member: 0 the writer, 1... the readers. */
int processor_of(unsigned member);

/* How many this process may use. */
unsigned processor_count(void);

/* 0 or -errno. */
int processor_pin(int processor);

/*
 * Run before everybody else on this machine (SCHED_FIFO); the one that leads
 * before those it leads. 0 or -errno.
 */
enum processor_rank {
	PROCESSOR_MEMBER = 1,
	PROCESSOR_PARENT = 2,
};
int processor_real_time(enum processor_rank rank);

/* Who polls in vain, and how often so far. */
struct processor_idle {
	bool crowded;
	unsigned looks;
};

static inline void processor_relax(struct processor_idle *idle)
{
	ticks_pause();
	if (!idle->crowded || ++idle->looks < PROCESSOR_LOOKS_PER_YIELD)
		return;
	idle->looks = 0;
	(void)sched_yield();
}

#endif
