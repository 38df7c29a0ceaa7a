/* SPDX-License-Identifier: MIT */
/* pub_pace.c - bcast-pub: hold a rate. See pub.h. */
#include <time.h>

#include "pub.h"

#define BURST_SECONDS 0.01 /* what may be saved up, and spent at once */

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

static double burst(const struct pub_pace *pace)
{
	double tokens = pace->rate * BURST_SECONDS;

	return tokens > 1 ? tokens : 1;
}

void pub_pace_start(struct pub_pace *pace, double rate)
{
	*pace = (struct pub_pace){.rate = rate, .since_ns = now_ns()};
}

uint64_t pub_pace_spend(struct pub_pace *pace, double tokens)
{
	uint64_t now;

	if (pace->rate <= 0)
		return 0;
	pace->budget -= tokens;
	if (pace->budget > 0)
		return 0;
	now = now_ns();
	pace->budget += (double)(now - pace->since_ns) * 1e-9 * pace->rate;
	pace->since_ns = now;
	if (pace->budget > burst(pace))
		pace->budget = burst(pace);
	return pace->budget > 0 ? 0
				: (uint64_t)(-pace->budget / pace->rate * 1e9);
}
