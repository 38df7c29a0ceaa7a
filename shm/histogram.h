/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - a latency histogram of fixed size that can live in shared
 * memory: 8 buckets an octave (so a value is known to 12.5 %), exact below 8,
 * up to 2^34 ns (17 s); larger values count in the last bucket. One writer.
 */
#ifndef BC_HISTOGRAM_H
#define BC_HISTOGRAM_H

#include <stdint.h>

#include "shm/layout.h"

/* bc_histogram_bucket - the bucket that counts `value`. */
unsigned bc_histogram_bucket(uint64_t value);

/* bc_histogram_upper - the largest value that the bucket counts. */
uint64_t bc_histogram_upper(unsigned bucket);

/* bc_histogram_record - count one value. The one writer only. */
void bc_histogram_record(struct bc_histogram_shm *histogram, uint64_t value);

/*
 * bc_histogram_count - how many values a bucket has; bounded, see histogram.c.
 */
uint64_t bc_histogram_count(const struct bc_histogram_shm *histogram,
			    unsigned bucket);

/* bc_histogram_total - how many values were counted. */
uint64_t bc_histogram_total(const struct bc_histogram_shm *histogram);

/*
 * bc_histogram_quantile - an upper bound of the value below which `per_mille`
 * thousandths of all lie: 500 for the median. 0 when nothing was counted.
 */
uint64_t bc_histogram_quantile(const struct bc_histogram_shm *histogram,
			       unsigned per_mille);

#endif
