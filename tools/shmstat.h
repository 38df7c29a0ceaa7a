/* SPDX-License-Identifier: MIT */
/*
 * shmstat.h - a stream as bcast-shmstat shows it: as text, read once, into
 * plain memory, so that no list is walked twice; in other forms, as libbcast
 * tells it.
 */
#ifndef TOOLS_SHMSTAT_H
#define TOOLS_SHMSTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/monitor.h>

#include "nodes.h"

/* What to show besides the stream itself. */
struct shmstat_sections {
	bool receivers;
	bool closed;
	bool errors;
	bool counters;
	bool nodes;
};

/* Zeroed is empty. Owned by whoever called shmstat_read(). */
struct shmstat {
	struct bcast_stream_info stream;
	struct bcast_writer_info writer;
	struct bcast_summary_info totals;
	struct bcast_fact *facts;
	struct bcast_peer_info *peers;
	struct bcast_closed_info *closed; /* newest first */
	struct bcast_error_info *errors;  /* newest first */
	struct bcast_counter_info *counters;
	size_t fact_count;
	size_t peer_count;
	size_t closed_count;
	size_t error_count;
	size_t counter_count;
	struct nodes nodes;
	struct nodes_problem nodes_problem; /* why there are none; or empty */
};

/* One line of --list. error: why the rest could not be read, or 0. */
struct shmstat_listed {
	char name[BCAST_NAME_MAX + 1];
	int error;
	struct bcast_stream_info stream;
	struct bcast_summary_info totals;
};

/* ---- shmstat_read.c ---------------------------------------------------- */

/*
 * shmstat_read - read everything of a stream. Returns 0, or as
 * bcast_monitor_open(); shmstat_free() frees it in any case.
 */
int shmstat_read(const char *name, struct shmstat *stat);

/* Closed connections: the newest ones, up to so many, not from `until` on. */
struct shmstat_closed_range {
	const struct bcast_closed_info *until; /* NULL: all */
	size_t limit;
};

/* shmstat_take - the same of a stream that is open already. */
int shmstat_take(const struct bcast_monitor *monitor,
		 const struct shmstat_closed_range *range,
		 struct shmstat *stat);
void shmstat_free(struct shmstat *stat);

/*
 * shmstat_read_nodes - and its local nodes. They stand in an object of their
 * own, so that they may be out of reach while the stream is not: that is no
 * error here, but stat->nodes_problem.
 */
void shmstat_read_nodes(const char *name, struct shmstat *stat);

/*
 * shmstat_list - all streams of this machine, sorted by name. Returns how many
 * there are, *listed (malloc) to be freed, or -errno.
 */
int shmstat_list(struct shmstat_listed **listed);

/*
 * shmstat_make - a text of libbcast's, bcast_monitor_json() or _prometheus(),
 * with as much room as it needs. Returns 0 and *text (malloc), or -errno.
 */
typedef int64_t shmstat_maker(const struct bcast_monitor *monitor,
			      uint32_t sections, char *buffer, size_t size);
int shmstat_make(shmstat_maker *maker, const struct bcast_monitor *monitor,
		 uint32_t sections, char **text);

/* Is it a sender, or about to be one? */
bool shmstat_is_sender(const struct bcast_peer_info *peer);

/* ---- shmstat_text.c: all that follow print on standard output ---------- */

void shmstat_text(const struct shmstat *stat,
		  const struct shmstat_sections *sections);
void shmstat_text_list(const struct shmstat_listed *listed, int count);

/* ---- shmstat_fields.c ---------------------------------------------------- */

void shmstat_fields(const struct shmstat *stat);

/* ---- shmstat_prometheus.c ------------------------------------------------ */

/*
 * shmstat_prometheus - print a stream's metrics. Returns 0, or as
 * bcast_monitor_open(). If nodes are wanted and cannot be read, nothing is
 * printed, and *problem says why.
 */
int shmstat_prometheus(const char *name,
		       const struct shmstat_sections *sections,
		       struct nodes_problem *problem);

/* ---- shmstat_json.c ------------------------------------------------------ */

/*
 * shmstat_json_object - what shmstat_json() prints, the caller's; *whole only
 * if the result is 0. Results likewise.
 */
int shmstat_json_object(const char *name,
			const struct shmstat_sections *sections,
			struct json_object **whole);

/* shmstat_json - print it. Returns 0, -ENOMEM, or as bcast_monitor_open(). */
int shmstat_json(const char *name, const struct shmstat_sections *sections);

/* shmstat_json_list - print them all. Returns 0 or -ENOMEM. */
int shmstat_json_list(const struct shmstat_listed *listed, int count);

#endif
