/* SPDX-License-Identifier: MIT */
/*
 * postmortem.c - see postmortem.h.
 *
 * The segment outlives its daemon, so nearly all that is told here is told by
 * the other options too, of the dead as of the living. What this adds is the
 * order of questions that is asked after a death: how did it end, what did it
 * complain of, how far was everybody, what went by last, how do I get the data.
 *
 * Nothing is written, and nobody's turn is taken: a daemon of that name that
 * starts meanwhile adopts the segment as if this had not been.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "postmortem.h"

#define CLOSED_SHOWN 20

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

/* ---- How it ended ------------------------------------------------------ */

static void print_last_words(const struct bcast_stream_info *s)
{
	if (s->state == BCAST_STREAM_STARTING)
		printf("died while it was starting\n");
	else if (s->end_signal)
		printf("died while it was stopping, as signal %" PRIu32
		       " (%s) had asked it to; receivers may lack the end\n",
		       s->end_signal, signal_text(s->end_signal));
	else
		printf("killed, or crashed: it had no time for a word "
		       "(SIGKILL, out of "
		       "memory, a fault)\n");
}

static void print_end(const struct bcast_stream_info *s)
{
	uint64_t now_ns = realtime_ns();
	uint64_t beat_ns =
		now_ns > s->heartbeat_age_ns ? now_ns - s->heartbeat_age_ns : 0;

	printf("ended      ");
	if (s->state == BCAST_STREAM_CLOSED)
		printf("in order, %s, as signal %" PRIu32 " (%s) had asked\n",
		       format_time(s->ended_realtime_ns).text, s->end_signal,
		       signal_text(s->end_signal));
	else if (s->writer_alive)
		printf("not: daemon %" PRIu32 " lives; this is as it is now\n",
		       s->owner_pid);
	else
		print_last_words(s);
	printf("heartbeat  the last %s, %s ago\n", format_time(beat_ns).text,
	       format_duration(s->heartbeat_age_ns).text);
}

/* ---- What can be saved ------------------------------------------------- */

static void print_rescue(const struct bcast_stream_info *s)
{
	bool packets = s->format == BCAST_FORMAT_PACKET;

	printf("\nThe ring still holds %s, positions %" PRIu64 " to %" PRIu64
	       ". To save it:\n\n"
	       "\tbcast-tail %s --from oldest --no-follow >%s.saved\n\n",
	       format_bytes(s->tail - s->oldest).text, s->oldest, s->tail,
	       s->name, s->name);
	if (packets)
		printf("(with --payload, without the records' headers.) ");
	if (s->state == BCAST_STREAM_CLOSED)
		printf("Whoever is attached can read it to its end.\n");
	else
		printf("A new bcastd --name %s takes the stream over where it "
		       "stands; readers go on.\n",
		       s->name);
}

/* ---- The whole --------------------------------------------------------- */

int postmortem(const char *name, uint32_t packets)
{
	static const struct shmstat_sections sections = {
		.receivers = true,
		.closed = true,
		.errors = true,
		.counters = true,
		.nodes = true,
	};
	struct shmstat stat;
	size_t closed;
	int ret = shmstat_read(name, &stat);

	if (ret < 0) {
		shmstat_free(&stat);
		return ret;
	}
	shmstat_read_nodes(name, &stat);
	print_end(&stat.stream);
	closed = stat.closed_count;
	if (closed > CLOSED_SHOWN)
		stat.closed_count = CLOSED_SHOWN;
	shmstat_text(&stat, &sections);
	if (closed > CLOSED_SHOWN)
		printf("\nOf %zu connections that ended, the last %d are "
		       "shown: "
		       "--closed shows all.\n",
		       closed, CLOSED_SHOWN);
	ret = packets > 0 ? postmortem_data(&stat.stream, packets) : 0;
	if (ret < 0)
		printf("\nThe stream cannot be read further: %s\n",
		       bcast_strerror(ret));
	print_rescue(&stat.stream);
	shmstat_free(&stat);
	return ret == -ENOMEM ? ret : 0;
}
