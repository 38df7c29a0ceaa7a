/* SPDX-License-Identifier: MIT */
/*
 * admin_health.c - see admin_health.h.
 *
 * Told from the segment, as anybody else would: that this thread runs says
 * nothing of the loop. State LIVE comes when all listeners stand, so that needs
 * no look of its own.
 */
#include <inttypes.h>
#include <stdio.h>

#include "shm/clock.h"
#include "shm/json_text.h"
#include "src/admin_health.h"

#define REASON_MAX 96u

#define REASONS_MAX 3u

struct reasons {
	char text[REASONS_MAX][REASON_MAX];
	unsigned count;
};

static void judge(struct reasons *reasons,
		  const struct bcast_stream_info *stream, bool readiness)
{
	uint64_t age_ms = stream->heartbeat_age_ns / (uint64_t)BC_NS_PER_MS;

	if (!stream->writer_alive)
		snprintf(reasons->text[reasons->count++], REASON_MAX,
			 "no process owns the stream");
	if (stream->heartbeat_age_ns >= BCAST_SILENCE_NS)
		snprintf(reasons->text[reasons->count++], REASON_MAX,
			 "the loop has given no sign of life for %" PRIu64
			 " ms",
			 age_ms);
	if (readiness && stream->state != BCAST_STREAM_LIVE)
		snprintf(reasons->text[reasons->count++], REASON_MAX,
			 "the stream is %s", bcast_state_name(stream->state));
}

bool admin_health(const struct bcast_stream_info *stream, bool readiness,
		  char body[ADMIN_HEALTH_MAX])
{
	struct bc_json_text json = {.out = {.size = ADMIN_HEALTH_MAX}};
	struct reasons reasons = {.count = 0};

	judge(&reasons, stream, readiness);
	json.out.buffer = body;
	bc_json_begin(&json, NULL, '{');
	bc_json_BOOL(&json, readiness ? "ready" : "healthy",
		     reasons.count == 0);
	bc_json_begin(&json, "reasons", '[');
	for (unsigned i = 0; i < reasons.count; i++)
		bc_json_TEXT(&json, NULL, reasons.text[i]);
	bc_json_end(&json, ']');
	bc_json_TEXT(&json, "state", bcast_state_name(stream->state));
	bc_json_NUMBER(&json, "heartbeat_age_ns", stream->heartbeat_age_ns);
	bc_json_end(&json, '}');
	(void)bc_json_finish(&json);
	return reasons.count == 0;
}
