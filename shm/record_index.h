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

/*
 * bc_record_index_add - record `place` begins there, published at about
 * `timestamp_ns` or after. Places are added in their order, once all before
 * them has been published (by tail: has been flushed). The lease holder only.
 */
void bc_record_index_add(struct bc_segment *segment,
			 struct bc_record_place place, uint64_t timestamp_ns);

/*
 * bc_record_index_live - where the stream ends now, behind the newest record,
 * which may be ahead of the tail. The sequence is 0 if nobody can tell.
 */
struct bc_record_place bc_record_index_live(const struct bc_segment *segment);

/*
 * bc_record_index_from - the first known place at or after `position`, or the
 * tail, whose sequence may be 0.
 */
struct bc_record_place bc_record_index_from(const struct bc_segment *segment,
					    uint64_t position);

/*
 * bc_record_index_oldest - the oldest record whose place is known and that is
 * still there; the tail, if there is none.
 */
struct bc_record_place bc_record_index_oldest(const struct bc_segment *segment);

/*
 * bc_record_index_exact - the record that begins at `position`, found by
 * walking there from the last known place before it. Returns 0, -EINVAL if
 * none does, or BCAST_ELAPPED if the way there is no longer in the ring.
 */
int bc_record_index_exact(const struct bc_segment *segment, uint64_t position,
			  struct bc_record_place *place);

/*
 * bc_record_index_before - the last known place at or before record `sequence`,
 * gone or not; the stream's birth if there is none.
 */
struct bc_record_place bc_record_index_before(const struct bc_segment *segment,
					      uint64_t sequence);

/*
 * bc_record_index_sequence - where record `sequence` begins, or will begin if
 * it is the next one. Returns 0; -EINVAL for 0 and what is further on; or
 * BCAST_ELAPPED if it is gone, *place being the oldest that is known.
 */
int bc_record_index_sequence(const struct bc_segment *segment,
			     uint64_t sequence, struct bc_record_place *place);

/*
 * bc_record_index_time - the first record that was published at `time_ns`
 * (CLOCK_REALTIME) or after: the first with such a timestamp_ns, or the first
 * behind which the index says so, where records have none. Returns 0, the place
 * being where the stream ends if there is none yet; or BCAST_ELAPPED if older
 * ones may have been published after it too but are gone, *place being the
 * oldest that is known. Walks over no more than two steps of the index.
 */
int bc_record_index_time(const struct bc_segment *segment, uint64_t time_ns,
			 struct bc_record_place *place);

/*
 * bc_record_index_boundary - the largest known position in (from, to] at which
 * a record begins, or 0 if none is known. Looks at the index only: some ten
 * loads.
 */
uint64_t bc_record_index_boundary(const struct bc_segment *segment,
				  uint64_t from, uint64_t to);

#endif
