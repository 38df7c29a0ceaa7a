/* SPDX-License-Identifier: MIT */
/*
 * progress.h - the line of --progress: how much there was until now, on
 * standard error, once a second as long as something moves.
 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdint.h>

struct progress {
	const char *program;
	const char *what; /* is counted: "records" */
	int64_t shown_ms; /* of the last line, or the first call; 0: neither */
};

/*
 * progress_show - the line, if it is time for one. `position`: in the stream.
 * Some ns otherwise: it may be called for each record.
 */
void progress_show(struct progress *progress, uint64_t count, uint64_t bytes,
		   uint64_t position);

#endif
