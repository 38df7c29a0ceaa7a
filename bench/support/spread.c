/* SPDX-License-Identifier: MIT */
/* spread.c - see spread.h. */
#include "spread.h"

#include <stddef.h>

void spread_merge(struct spread *into, const struct spread *from)
{
	for (size_t i = 0; i < SPREAD_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->count += from->count;
	if (from->max > into->max)
		into->max = from->max;
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket)
{
	const unsigned octave =
		bucket < 2 * SPREAD_SUBS ? 0 : bucket / SPREAD_SUBS - 1;
	const uint64_t low = (uint64_t)(bucket - octave * SPREAD_SUBS)
			     << octave;

	return low + ((UINT64_C(1) << octave) >> 1);
}

uint64_t spread_at(const struct spread *spread, double share)
{
	const double wanted = share * (double)spread->count;
	uint64_t seen = 0;

	for (unsigned i = 0; i < SPREAD_BUCKETS; i++) {
		seen += spread->buckets[i];
		if (seen > 0 && (double)seen >= wanted)
			return value_of(i);
	}
	return spread->max;
}

void spread_print(const struct spread *spread, double unit, FILE *out)
{
	static const struct {
		const char *name;
		double share;
	} points[] = {{"p50_ns", 0.5},
		      {"p90_ns", 0.9},
		      {"p99_ns", 0.99},
		      {"p999_ns", 0.999}};

	(void)fprintf(out, "\"samples\": %lu", spread->count);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		(void)fprintf(out, ", \"%s\": %.1f", points[i].name,
			      (double)spread_at(spread, points[i].share) /
				      unit);
	(void)fprintf(out, ", \"max_ns\": %.1f", (double)spread->max / unit);
}
