/* SPDX-License-Identifier: MIT */
/*
 * spread.h - how times are spread: a histogram with 128 buckets to an octave,
 * so exact to 0.8 %. Lies in shared memory; one writer at a time.
 */
#ifndef BENCH_SPREAD_H
#define BENCH_SPREAD_H

#include <stdint.h>
#include <stdio.h>

#define SPREAD_SUB_BITS 7
#define SPREAD_SUBS	(1u << SPREAD_SUB_BITS)
#define SPREAD_BUCKETS	((64 - SPREAD_SUB_BITS) * SPREAD_SUBS)

struct spread {
	uint64_t count;
	uint64_t max;
	uint64_t buckets[SPREAD_BUCKETS];
};

static inline unsigned spread_bucket(uint64_t value)
{
	unsigned octave;

	if (value < SPREAD_SUBS)
		return (unsigned)value;
	octave = 63 - SPREAD_SUB_BITS - (unsigned)__builtin_clzll(value);
	return octave * SPREAD_SUBS + (unsigned)(value >> octave);
}

static inline void spread_add(struct spread *spread, uint64_t value)
{
	spread->buckets[spread_bucket(value)]++;
	spread->count++;
	if (value > spread->max)
		spread->max = value;
}

void spread_merge(struct spread *into, const struct spread *from);

/* The value that a share of all does not exceed; 0 of none. */
uint64_t spread_at(const struct spread *spread, double share);

/* "samples": N, "p50_ns": ..., ... "max_ns": each value divided by `unit`. */
void spread_print(const struct spread *spread, double unit, FILE *out);

#endif
