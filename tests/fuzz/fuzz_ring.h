/* SPDX-License-Identifier: MIT */
/*
 * fuzz_ring.h - a stream of packets in private memory, for the fuzzers: a
 * control block, an index, and a ring that is mapped twice, with a page behind
 * it that nobody may touch. No object, no name, no other process.
 *
 * The input is 32 words for the numbers of head, lease and index, then index
 * entries, then what stands in the ring. Numbers are laid over sound ones by
 * exclusive or.
 */
#ifndef FUZZ_RING_H
#define FUZZ_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/segment.h"

#define FUZZ_CAPACITY (UINT64_C(1) << 16)
#define FUZZ_ENTRIES  8u
#define FUZZ_RECORDS  20u

/* fuzz_ring_make - the segment as `data` says; made once, filled each time. */
struct bc_segment *fuzz_ring_make(const uint8_t *data, size_t size);

/* fuzz_ring_rest - what of the input has not been used: steps to take. */
size_t fuzz_ring_rest(const uint8_t **data, size_t size);

/* fuzz_ring_holds - are these bytes inside the ring's two mappings? */
bool fuzz_ring_holds(const void *bytes, uint64_t size);

#endif
