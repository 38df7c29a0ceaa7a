/* SPDX-License-Identifier: MIT */
/* postmortem_end.c - see postmortem.h: how a daemon ended. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "postmortem.h"

static uint64_t realtime_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

static const char *signal_text(uint32_t number)
{
	const char *text = number ? sigdescr_np((int)number) : NULL;

	return text ? text : "no signal";
}

static void tell_fault(const struct bcast_stream_info *s, char *text,
		       size_t size)
{
	(void)snprintf(text, size, "by signal %" PRIu32 " (%s), %s: %s",
		       s->fatal_signal, signal_text(s->fatal_signal),
		       format_time(s->fatal_realtime_ns).text, s->fatal_text);
}

/* Which word it is, and all that is known. */
static const char *tell(const struct bcast_stream_info *s, char *text,
			size_t size)
{
	if (s->state == BCAST_STREAM_CLOSED) {
		(void)snprintf(text, size,
			       "in order, %s, as signal %" PRIu32
			       " (%s) had asked",
			       format_time(s->ended_realtime_ns).text,
			       s->end_signal, signal_text(s->end_signal));
		return "closed";
	}
	if (s->writer_alive) {
		(void)snprintf(text, size,
			       "not: daemon %" PRIu32
			       " lives; this is as it is now",
			       s->owner_pid);
		return "alive";
	}
	if (s->fatal_incarnation && s->fatal_incarnation == s->incarnation) {
		tell_fault(s, text, size);
		return "fault";
	}
	if (s->state == BCAST_STREAM_STARTING) {
		(void)snprintf(text, size, "killed while it was starting");
		return "starting";
	}
	if (s->end_signal) {
		(void)snprintf(text, size,
			       "killed while it was stopping, as signal "
			       "%" PRIu32 " (%s) had asked it to; receivers "
			       "may lack the end",
			       s->end_signal, signal_text(s->end_signal));
		return "stopping";
	}
	(void)snprintf(text, size,
		       "killed: no goodbye (SIGKILL, out of memory, or the "
		       "machine went down)");
	return "killed";
}

void postmortem_end(const struct bcast_stream_info *s,
		    struct postmortem_end *end)
{
	uint64_t now_ns = realtime_ns();

	end->heartbeat_realtime_ns =
		now_ns > s->heartbeat_age_ns ? now_ns - s->heartbeat_age_ns : 0;
	end->how = tell(s, end->text, sizeof(end->text));
	end->before[0] = '\0';
	if (s->fatal_incarnation && s->fatal_incarnation != s->incarnation)
		tell_fault(s, end->before, sizeof(end->before));
}
