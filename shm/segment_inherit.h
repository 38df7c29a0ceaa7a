/* SPDX-License-Identifier: MIT */
/*
 * segment_inherit.h - go on with the segment of an owner that lives, and hands
 * it over: same epoch, same positions, and not an instant without an owner.
 *
 * The owner's lock belongs to the open file description (layout.h), so it comes
 * with the descriptor that the old owner passes on. Who has both has all that
 * an owner has; which of them writes, they agree upon by other means. Until
 * then the new one writes nothing.
 */
#ifndef BC_SEGMENT_INHERIT_H
#define BC_SEGMENT_INHERIT_H

#include "shm/segment.h"

/*
 * bc_segment_inherit - map the segment of `fd`, which was passed on by its
 * owner, if it is as `wanted` says; its tables may be larger. Nothing is
 * written to it. On success the segment has the descriptor.
 *
 * Returns 0, -errno, BCAST_ENAME, or 1 if it cannot be: *reason then says why,
 * in a static text. Blocks for as long as mapping the pages takes.
 */
int bc_segment_inherit(struct bc_segment *segment, int fd,
		       const struct bc_segment_config *wanted,
		       const char **reason);

/*
 * bc_segment_become_owner - the old owner has let go: say who it is now. The
 * incarnation is one more, the state stays. `closed_count` is the old owner's.
 * Nobody is woken: nothing has changed for those who read.
 */
void bc_segment_become_owner(struct bc_segment *segment, uint32_t max_receivers,
			     uint64_t closed_count);

#endif
