/* SPDX-License-Identifier: MIT */
/* clock.h - seconds for measuring, and a nap. */
#ifndef BENCH_FANOUT_CLOCK_H
#define BENCH_FANOUT_CLOCK_H

#include <time.h>

static inline double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void pause_ns(long nanoseconds)
{
	const struct timespec pause = {.tv_sec = nanoseconds / 1000000000,
				       .tv_nsec = nanoseconds % 1000000000};

	(void)nanosleep(&pause, NULL);
}

#endif
