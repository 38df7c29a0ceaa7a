/* SPDX-License-Identifier: MIT */
/*
 * segment_build.h - what creating and adopting share: where everything goes,
 * and what each new owner does to the object.
 */
#ifndef BC_SEGMENT_BUILD_H
#define BC_SEGMENT_BUILD_H

#include "shm/segment.h"
#include "shm/segment_check.h"

/* The layout that a configuration leads to: same input, same plan. */
struct bc_segment_plan {
	struct bc_region_shm regions[BC_REGION_MAX];
	uint32_t region_count;
	uint64_t ring_offset;
	uint64_t segment_size;
};

/* bc_segment_check_config - 0, BCAST_ENAME or -EINVAL. */
int bc_segment_check_config(const struct bc_segment_config *config);

struct bc_segment_plan bc_segment_make_plan(
	const struct bc_segment_config *config);

/* bc_segment_plan_geometry - the plan as bc_segment_map() takes it. */
struct bc_geometry bc_segment_plan_geometry(const struct bc_segment_plan *plan,
					    uint64_t capacity);

/*
 * bc_segment_lock_owner - lock the byte of this incarnation. Returns 0,
 * BCAST_EOWNED if somebody else has a lock on it, or -errno.
 */
int bc_segment_lock_owner(int fd, uint32_t incarnation);

/* bc_segment_fill_owner - say who we are; state STARTING, nobody woken. */
void bc_segment_fill_owner(struct bc_owner_shm *owner,
			   const struct bc_segment_config *config,
			   uint32_t incarnation);

#endif
