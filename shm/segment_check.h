/* SPDX-License-Identifier: MIT */
/*
 * segment_check.h - judge a control block before anything in it is used. Pure:
 * works on memory alone, so that tests and fuzzers can hand it anything.
 */
#ifndef BC_SEGMENT_CHECK_H
#define BC_SEGMENT_CHECK_H

#include <stdint.h>

#include "shm/segment.h"

/* What a control block says, copied out once and bounded. */
struct bc_geometry {
	uint64_t capacity;
	uint64_t ring_offset;
	uint64_t segment_size;
	struct {
		uint64_t offset;
		uint32_t count;
	} regions[BC_REGION_MAX]; /* by id; offset 0: none */
};

/* bc_segment_entry_size - what an entry of that region measures; 0: unknown. */
uint32_t bc_segment_entry_size(uint32_t region_id);

/*
 * bc_segment_check - check the control block at the start of an object of
 * `object_size` bytes, of which at least a page is mapped. Returns 0 and fills
 * *geometry, or BCAST_ENOTREADY, BCAST_EFOREIGN, BCAST_EVERSION,
 * BCAST_ELAYOUT, BCAST_ETOOSMALL; BCAST_EFOREIGN also for values that cannot
 * be. *geometry is untouched on failure.
 */
int bc_segment_check(const struct bc_control_shm *control, uint64_t object_size,
		     struct bc_geometry *geometry);

#endif
