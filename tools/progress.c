/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "format.h"
#include "progress.h"

#define INTERVAL_MS 1000

void progress_show(struct progress *progress, uint64_t count, uint64_t bytes,
		   uint64_t position)
{
	struct timespec now;
	int64_t now_ms;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (progress->shown_ms == 0)
		progress->shown_ms = now_ms;
	if (now_ms - progress->shown_ms < INTERVAL_MS)
		return;
	progress->shown_ms = now_ms;
	fprintf(stderr, "%s: %" PRIu64 " %s, %s, position %" PRIu64 "\n",
		progress->program, count, progress->what,
		format_bytes(bytes).text, position);
}
