/* SPDX-License-Identifier: MIT */
/*
 * bucket.c - see bucket.h.
 *
 * Products of a rate and a time take more than 64 bits; a turn of the loop has
 * few of them, so they are simply made in 128.
 */
#include "shm/assert.h"
#include "src/bucket.h"

#define NS_PER_S UINT64_C(1000000000)

typedef unsigned __int128 wide;

uint64_t bucket_burst(uint64_t rate)
{
	return rate / (NS_PER_S / BUCKET_BURST_NS) + 2;
}

uint64_t bucket_portion(uint64_t rate)
{
	uint64_t portion = bucket_burst(rate) / 4;

	return portion > 0 ? portion : 1;
}

static void fill(struct bucket *bucket, uint64_t burst)
{
	bucket->tokens = burst;
	bucket->fraction = 0;
}

uint64_t bucket_allows(struct bucket *bucket, uint64_t rate, uint64_t now_ns)
{
	uint64_t burst = bucket_burst(rate);
	wide earned;

	BC_ASSERT(rate > 0 && rate <= BUCKET_RATE_MAX);
	if (bucket->filled_ns == 0 || bucket->tokens > burst)
		fill(bucket, burst);
	if (now_ns <= bucket->filled_ns)
		return bucket->tokens;
	earned = (wide)rate * (now_ns - bucket->filled_ns) + bucket->fraction;
	bucket->filled_ns = now_ns;
	if (earned / NS_PER_S >= burst - bucket->tokens) {
		fill(bucket, burst);
		return burst;
	}
	bucket->tokens += (uint64_t)(earned / NS_PER_S);
	bucket->fraction = (uint64_t)(earned % NS_PER_S);
	return bucket->tokens;
}

void bucket_take(struct bucket *bucket, uint64_t tokens)
{
	bucket->tokens -= tokens < bucket->tokens ? tokens : bucket->tokens;
}

uint64_t bucket_ready_ns(const struct bucket *bucket, uint64_t rate,
			 uint64_t wanted)
{
	uint64_t burst = bucket_burst(rate);
	wide missing;

	if (wanted > burst)
		wanted = burst;
	if (wanted <= bucket->tokens)
		return bucket->filled_ns;
	missing = (wide)(wanted - bucket->tokens) * NS_PER_S - bucket->fraction;
	return bucket->filled_ns + (uint64_t)((missing + rate - 1) / rate);
}
