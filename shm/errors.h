/* SPDX-License-Identifier: MIT */
/*
 * errors.h - the table of distinct errors in the segment: what went wrong, how
 * often, and when first and last. It outlives the daemon, and the next one
 * that adopts the segment counts on.
 *
 * Two errors are the same if event and text are. So the text has to be without
 * what varies from time to time, such as a peer's address (src/log.c leaves it
 * out). A full table gives up the entry that has not been seen for longest.
 */
#ifndef BC_ERRORS_H
#define BC_ERRORS_H

#include <stdint.h>

#include "shm/layout.h"

#define BC_ERROR_SLOTS 64u

struct bc_error_note {
	uint32_t level; /* enum bcast_error_level */
	const char *event;
	const char *text;
	uint64_t count;
	uint64_t first_realtime_ns;
	uint64_t last_realtime_ns;
};

/*
 * bc_errors_note - count this error, `count` times, in a table of so many
 * entries. Texts are cut to fit. One thread at a time; never blocks. `errors`
 * need not be in shared memory.
 */
void bc_errors_note(struct bc_error_shm *errors, uint32_t entries,
		    const struct bc_error_note *note);

/*
 * bc_errors_move - note all that stands in one table in another one of the same
 * size, and empty the first.
 */
void bc_errors_move(struct bc_error_shm *from, struct bc_error_shm *to,
		    uint32_t entries);

#endif
