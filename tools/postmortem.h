/* SPDX-License-Identifier: MIT */
/*
 * postmortem.h - bcast-shmstat --postmortem: what a dead daemon has left.
 *
 * postmortem.c is the report; postmortem_end.c how it ended; postmortem_data.c
 * the last of the stream itself; postmortem_json.c all of it as JSON.
 */
#ifndef TOOLS_POSTMORTEM_H
#define TOOLS_POSTMORTEM_H

#include <stdbool.h>
#include <stdint.h>

#include <bcast/bcast.h>

#include "shmstat.h"

#define POSTMORTEM_PACKETS     10
#define POSTMORTEM_PACKETS_MAX 100000

/*
 * postmortem - print all of it, and the last so many records (of a stream of
 * bytes: lines of 16). Returns 0, or as bcast_monitor_open(), or -ENOMEM.
 */
int postmortem(const char *name, uint32_t packets, bool json);

/* ---- postmortem_end.c -------------------------------------------------- */

struct postmortem_end {
	/* alive, closed, fault, starting, stopping or killed */
	const char *how;
	char text[400];
	char before[400]; /* of a daemon before the last one; or "" */
	uint64_t heartbeat_realtime_ns; /* the last one */
};

void postmortem_end(const struct bcast_stream_info *stream,
		    struct postmortem_end *end);

/* ---- postmortem_data.c ------------------------------------------------- */

#define POSTMORTEM_KEPT 48u /* bytes of a record's payload, key first */
#define POSTMORTEM_LINE 16u /* bytes of a stream of bytes, on a line */

struct postmortem_record {
	struct bcast_packet packet; /* payload: not to be used */
	unsigned char bytes[POSTMORTEM_KEPT];
};

/* The last of a stream. Zeroed is empty; one of the two, by its format. */
struct postmortem_data {
	struct postmortem_record *records; /* a ring of `room` entries */
	uint64_t found;			   /* the last `room` of these */
	uint32_t room;
	unsigned char *bytes;
	uint64_t position; /* of the first of them */
	uint64_t size;
};

/*
 * postmortem_data_read - the last so many. Returns 0, or as bcast_attach() and
 * bcast_next(), with what could be read; or -ENOMEM.
 */
int postmortem_data_read(const struct bcast_stream_info *stream,
			 uint32_t packets, struct postmortem_data *data);
void postmortem_data_free(struct postmortem_data *data);

/* postmortem_data_print - as text, under a heading. */
void postmortem_data_print(const struct postmortem_data *data);

/*
 * postmortem_data_record - the records there are, from index 0 on, oldest
 * first; NULL after the last.
 */
const struct postmortem_record *postmortem_data_record(
	const struct postmortem_data *data, uint64_t index);

/* Of a record: what of its key and of the rest was kept. */
uint32_t postmortem_data_key(const struct postmortem_record *record);
uint32_t postmortem_data_kept(const struct postmortem_record *record);

/* ---- postmortem_json.c ------------------------------------------------- */

/* postmortem_json - print it all. Returns 0 or -errno. */
int postmortem_json(const struct shmstat *stat,
		    const struct shmstat_sections *sections,
		    const struct postmortem_end *end,
		    const struct postmortem_data *data);

#endif
