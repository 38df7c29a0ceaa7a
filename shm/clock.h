/* SPDX-License-Identifier: MIT */
/* clock.h - the two clocks, in nanoseconds. A reading costs about 30 ns. */
#ifndef BC_CLOCK_H
#define BC_CLOCK_H

#include <stdint.h>
#include <time.h>

#define BC_NS_PER_MS INT64_C(1000000)
#define BC_NS_PER_S  INT64_C(1000000000)

static inline uint64_t bc_clock_ns(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now); /* cannot fail for these two */
	return (uint64_t)now.tv_sec * (uint64_t)BC_NS_PER_S +
	       (uint64_t)now.tv_nsec;
}

/* For durations; the same in all processes of a machine. */
static inline uint64_t bc_monotonic_ns(void)
{
	return bc_clock_ns(CLOCK_MONOTONIC);
}

/* For people. */
static inline uint64_t bc_realtime_ns(void)
{
	return bc_clock_ns(CLOCK_REALTIME);
}

#endif
