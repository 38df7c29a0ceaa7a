/* SPDX-License-Identifier: MIT */
/*
 * log_line.h - a line of the log, from the call to what is written.
 *
 * It is made whole by who logs, since the arguments are his, and made text or
 * JSON by who writes. Pure functions.
 */
#ifndef SRC_LOG_LINE_H
#define SRC_LOG_LINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/log.h"

/* What either form takes at most: JSON spells out more. */
#define LOG_OUT_MAX 4096

struct log_record {
	uint64_t realtime_ns;
	const char *event;
	const char *format; /* of the pairs, as given; or NULL */
	uint64_t dropped;   /* lines lost right before this one */
	enum log_level level;
	uint32_t length; /* of text, newline included */
	char text[LOG_LINE_MAX];
};

/* A pair of a line's text: key=value or key="value". */
struct log_pair {
	const char *key;
	size_t key_length;
	const char *value; /* within the quotes, still escaped */
	size_t value_length;
	bool quoted;
	const char *end; /* behind it */
};

/* log_line_level - the word for a level. */
const char *log_line_level(enum log_level level);

/* log_line_make - fill a record, time and all. */
void log_line_make(struct log_record *record, enum log_level level,
		   const char *event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void log_line_vmake(struct log_record *record, enum log_level level,
		    const char *event, const char *format, va_list arguments)
	__attribute__((format(printf, 4, 0)));

/*
 * log_line_pair - read the pair at `at`, which is in a record's text. Where the
 * first one is, says log_line_pairs. False: there is none, but an end, or
 * something else. A value that was cut ends with the line.
 */
bool log_line_pair(const char *at, struct log_pair *pair);
const char *log_line_pairs(const struct log_record *record);

/* log_line_time - "2026-11-21T14:51:18.123456Z", and how long that is. */
#define LOG_TIME_MAX 32
size_t log_line_time(uint64_t realtime_ns, char text[LOG_TIME_MAX]);

/* log_line_text - the line as text; returns its length. */
size_t log_line_text(const struct log_record *record, bool with_time,
		     char line[LOG_OUT_MAX]);

/*
 * log_line_cause - of the pairs, those that say what went wrong and not to
 * whom or how far: two errors with the same event and cause are the same.
 */
void log_line_cause(const struct log_record *record, char *cause, size_t size);

#endif
