/* SPDX-License-Identifier: MIT */
/*
 * histogram.c - see histogram.h. Bucket (shift + 1) * 8 + the three bits below
 * the leading one, where shift is how far the value was moved right to leave
 * four bits.
 */
#include "shm/histogram.h"

unsigned bc_histogram_bucket(uint64_t value)
{
	unsigned shift, bucket;

	if (value < 8)
		return (unsigned)value;
	shift = 60u - (unsigned)__builtin_clzll(value);
	bucket = (shift + 1) * 8 + (unsigned)((value >> shift) & 7);
	if (bucket >= BC_HISTOGRAM_BUCKETS)
		return BC_HISTOGRAM_BUCKETS - 1;
	return bucket;
}

uint64_t bc_histogram_upper(unsigned bucket)
{
	unsigned shift;

	if (bucket < 8)
		return bucket;
	shift = bucket / 8 - 1;
	return ((UINT64_C(8) + bucket % 8 + 1) << shift) - 1;
}

void bc_histogram_record(struct bc_histogram_shm *histogram, uint64_t value)
{
	bc_u64 *count = &histogram->buckets[bc_histogram_bucket(value)];

	atomic_store_explicit(
		count, atomic_load_explicit(count, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

/*
 * Pages of nodes can hold anything: no more than leaves the sum of all, times
 * 1000, within 64 bits. Some 10^14, so that true counts stay what they are.
 */
uint64_t bc_histogram_count(const struct bc_histogram_shm *histogram,
			    unsigned bucket)
{
	const uint64_t most = UINT64_MAX / 1001 / BC_HISTOGRAM_BUCKETS;
	uint64_t count = atomic_load_explicit(&histogram->buckets[bucket],
					      memory_order_relaxed);

	return count < most ? count : most;
}

uint64_t bc_histogram_total(const struct bc_histogram_shm *histogram)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < BC_HISTOGRAM_BUCKETS; i++)
		total += bc_histogram_count(histogram, i);
	return total;
}

uint64_t bc_histogram_quantile(const struct bc_histogram_shm *histogram,
			       unsigned per_mille)
{
	uint64_t total = bc_histogram_total(histogram);
	uint64_t rank = (total * per_mille + 999) / 1000;
	uint64_t seen = 0;

	if (total == 0)
		return 0;
	for (unsigned i = 0; i < BC_HISTOGRAM_BUCKETS; i++) {
		seen += bc_histogram_count(histogram, i);
		if (seen >= rank && seen > 0)
			return bc_histogram_upper(i);
	}
	return bc_histogram_upper(BC_HISTOGRAM_BUCKETS - 1);
}
