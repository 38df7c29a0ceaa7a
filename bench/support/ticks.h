/* SPDX-License-Identifier: MIT */
/*
 * ticks.h - the processor's own clock: 10 ns a reading instead of 30, and the
 * same in all processes where the counter is constant and synchronised (what
 * line.h finds out). Elsewhere than on x86 a tick is a nanosecond.
 */
#ifndef BENCH_TICKS_H
#define BENCH_TICKS_H

#include <stdint.h>
#include <time.h>

static inline uint64_t ticks_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t ticks_now(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return ticks_clock_ns();
#endif
}

/* Takes 10 ms: once a process, before anything is measured. */
static inline double ticks_per_ns(void)
{
	const uint64_t start_ns = ticks_clock_ns();
	const uint64_t start = ticks_now();
	uint64_t end_ns;

	do
		end_ns = ticks_clock_ns();
	while (end_ns < start_ns + 10000000);
	return (double)(ticks_now() - start) / (double)(end_ns - start_ns);
}

/* Tell the processor that we are polling. */
static inline void ticks_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

#endif
