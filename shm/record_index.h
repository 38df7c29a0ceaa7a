/* SPDX-License-Identifier: MIT */
/*
 * record_index.h - where records begin: a sparse list of places, newest over
 * oldest, for those who have to begin in the middle of the stream.
 *
 * The lease holder adds an entry every index_head.step bytes or so. An entry
 * that is being written has position 0; whoever finds one believes it only
 * after a second look, and the ring only after that.
 */
#ifndef BC_RECORD_INDEX_H
#define BC_RECORD_INDEX_H

#include "shm/record.h"
#include "shm/segment.h"

/* bc_record_index_step - bytes of stream between two entries, about. */
uint64_t bc_record_index_step(uint64_t capacity);

/* How many entries a ring needs; some are left over for short records. */
#define BC_RECORD_INDEX_ENTRIES 512u

/* bc_record_index_add - record `place` begins there. The lease holder only. */
void bc_record_index_add(struct bc_segment *segment,
			 struct bc_record_place place, uint64_t timestamp_ns);

/*
 * bc_record_index_from - the first known place at or after `position`, or the
 * tail, whose sequence may be 0.
 */
struct bc_record_place bc_record_index_from(const struct bc_segment *segment,
					    uint64_t position);

/*
 * bc_record_index_exact - the record that begins at `position`, found by
 * walking there from the last known place before it. Returns 0, -EINVAL if
 * none does, or BCAST_ELAPPED if the way there is no longer in the ring.
 */
int bc_record_index_exact(const struct bc_segment *segment, uint64_t position,
			  struct bc_record_place *place);

#endif
