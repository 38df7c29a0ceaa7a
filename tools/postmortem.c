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
#include <stdio.h>

#include "format.h"
#include "postmortem.h"

#define CLOSED_SHOWN 20

static void print_end(const struct bcast_stream_info *s,
		      const struct postmortem_end *end)
{
	printf("ended      %s\n", end->text);
	if (end->before[0])
		printf("before     daemon %" PRIu32
		       " of this stream ended %s\n",
		       s->fatal_incarnation, end->before);
	printf("heartbeat  the last %s, %s ago\n",
	       format_time(end->heartbeat_realtime_ns).text,
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

static void print_all(struct shmstat *stat,
		      const struct shmstat_sections *sections,
		      const struct postmortem_end *end)
{
	size_t closed = stat->closed_count;

	print_end(&stat->stream, end);
	if (closed > CLOSED_SHOWN)
		stat->closed_count = CLOSED_SHOWN;
	shmstat_text(stat, sections);
	if (closed > CLOSED_SHOWN)
		printf("\nOf %zu connections that ended, the last %d are "
		       "shown: "
		       "--closed shows all.\n",
		       closed, CLOSED_SHOWN);
}

int postmortem(const char *name, uint32_t packets, bool json)
{
	static const struct shmstat_sections sections = {
		.receivers = true,
		.closed = true,
		.errors = true,
		.counters = true,
		.nodes = true,
	};
	struct postmortem_data data = {0};
	struct postmortem_end end;
	struct shmstat stat;
	int ret = shmstat_read(name, &stat);

	if (ret < 0) {
		shmstat_free(&stat);
		return ret;
	}
	shmstat_read_nodes(name, &stat);
	postmortem_end(&stat.stream, &end);
	ret = packets > 0 ? postmortem_data_read(&stat.stream, packets, &data)
			  : 0;
	if (json) {
		if (ret != -ENOMEM)
			ret = postmortem_json(&stat, &sections, &end, &data);
	} else {
		print_all(&stat, &sections, &end);
		postmortem_data_print(&data);
		if (ret < 0)
			printf("\nThe stream cannot be read further: %s\n",
			       bcast_strerror(ret));
		print_rescue(&stat.stream);
	}
	postmortem_data_free(&data);
	shmstat_free(&stat);
	return ret == -ENOMEM ? ret : 0;
}
