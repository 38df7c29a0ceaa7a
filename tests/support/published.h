/* SPDX-License-Identifier: MIT */
/* published.h - what record n, or byte p, of a test's stream is. */
#ifndef TESTS_PUBLISHED_H
#define TESTS_PUBLISHED_H

#include <stddef.h>
#include <stdint.h>

#include "support.h"

#define PUBLISHED_SEED UINT64_C(11)

/* 0 to `most`, both often. */
static inline size_t published_length(uint64_t number, size_t most)
{
	uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15);

	if (number % 16 == 3)
		return most;
	if (number % 16 == 4)
		return 0;
	return (size_t)(mixed >> 20) % (most + 1);
}

static inline void published_payload(uint64_t number, void *to, size_t size)
{
	test_pattern_fill(PUBLISHED_SEED, number << 32, to, size);
}

/* The pattern does not say the length: it is to be known by who checks. */
static inline int64_t published_wrong(uint64_t number, const void *payload,
				      size_t size)
{
	return test_pattern_check(PUBLISHED_SEED, number << 32, payload, size);
}

#endif
