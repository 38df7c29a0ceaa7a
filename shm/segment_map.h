/* SPDX-License-Identifier: MIT */
/*
 * segment_map.h - what creating and attaching share: mapping a checked
 * geometry, and asking the kernel for the owner.
 */
#ifndef BC_SEGMENT_MAP_H
#define BC_SEGMENT_MAP_H

#include "shm/segment.h"
#include "shm/segment_check.h"

/*
 * bc_segment_map - map segment->fd by the geometry: writable as the segment
 * says, the ring only for BC_VIEW_ALL. Fills control, regions, ring. Returns 0
 * or -errno; on failure bc_segment_close() undoes what was done.
 */
int bc_segment_map(struct bc_segment *segment,
		   const struct bc_geometry *geometry,
		   enum bc_segment_view view);

/*
 * bc_segment_fd_is_owned - does anybody hold a lock on an owner's byte of this
 * object? 1, 0 or -errno. Needs no mapping, so it also speaks of an object
 * that is not complete.
 */
int bc_segment_fd_is_owned(int fd);

#endif
