/* SPDX-License-Identifier: MIT */
/*
 * shmstat_fields.c - every field of bcast/fields.def as plain lines: its name
 * as in JSON, its exact value, unit and meaning. For grep, and to look up what
 * a name means.
 */
#include <inttypes.h>
#include <stdio.h>

#include "rights.h"
#include "shmstat.h"

#define NAME_WIDTH  28
#define VALUE_WIDTH 22

static void line(const char *section, const char *key, const char *value,
		 const char *unit, const char *help)
{
	int used = printf("%s.%s", section, key);

	printf("%*s %*s %-5s %s\n", used < NAME_WIDTH ? NAME_WIDTH - used : 0,
	       "", VALUE_WIDTH, value, unit, help);
}

static const char *TEXT(const char *value, const char *buffer, size_t size)
{
	(void)buffer;
	(void)size;
	return value[0] ? value : "-";
}

static const char *NUMBER(uint64_t value, char *buffer, size_t size)
{
	snprintf(buffer, size, "%" PRIu64, value);
	return buffer;
}

static const char *HEX(uint64_t value, char *buffer, size_t size)
{
	snprintf(buffer, size, "0x%016" PRIx64, value);
	return buffer;
}

static const char *BOOL(uint64_t value, const char *buffer, size_t size)
{
	(void)buffer;
	(void)size;
	return value ? "true" : "false";
}

#define LINE(section, key, type, value, unit, help) \
	line(section, #key, type(value, buffer, sizeof(buffer)), unit, help);

void shmstat_fields(const struct shmstat *stat)
{
	const struct bcast_stream_info *s = &stat->stream;
	const struct bcast_writer_info *w = &stat->writer;
	const struct bcast_summary_info *t = &stat->totals;
	char buffer[32] = "";

#define STREAM_KEY(key, type, value, metric, unit, help) \
	LINE("stream", key, type, value, unit, help)
#include <bcast/fields.def>
#define WRITER_KEY(key, type, value, metric, unit, help) \
	LINE("writer", key, type, value, unit, help)
#include <bcast/fields.def>
#define SUMMARY_KEY(key, type, value, metric, unit, help) \
	LINE("summary", key, type, value, unit, help)
#include <bcast/fields.def>
	for (size_t i = 0; i < stat->counter_count; i++) {
		const struct bcast_counter_info *n = &stat->counters[i];

		line("counters", n->name,
		     NUMBER(n->value, buffer, sizeof(buffer)), n->unit,
		     n->help);
	}
}
