/* SPDX-License-Identifier: MIT */
/*
 * log_segment.h - what the log leaves in the segment: its counters, and the
 * table of distinct errors (shm/errors.h), which can be read after the daemon's
 * death, however little of the log was written by then.
 *
 * The first lines are logged before there is a segment, so all is counted in
 * memory of our own until there is, and then moved. A mutex guards the table:
 * it is held for as long as it takes to find one of 64 entries, never while
 * anything is written, and only for lines of level error and warn.
 */
#ifndef SRC_LOG_SEGMENT_H
#define SRC_LOG_SEGMENT_H

#include "shm/counters.h"
#include "shm/segment.h"
#include "src/log_line.h"

/*
 * log_segment_attach - count in this segment from now on, until
 * log_segment_detach(), which comes before it is closed. While nobody but the
 * caller and the log's own thread logs.
 */
void log_segment_attach(struct bc_segment *segment);
void log_segment_detach(void);

/* log_segment_note - put a line of level error or warn into the table. */
void log_segment_note(const struct log_record *record);

/* log_segment_count - add to a counter. */
void log_segment_count(enum bc_counter counter, uint64_t amount);

/* log_segment_count_late - the same, by the log's own thread. */
void log_segment_count_late(enum bc_counter counter, uint64_t amount);

#endif
