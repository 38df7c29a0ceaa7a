/* SPDX-License-Identifier: MIT */
/*
 * log.h - the daemon's log: one line per event, on standard error or in a file.
 *
 *	info listening addr=127.0.0.1:40123 role=any
 *
 * Level, a stable event word, then key=value pairs. Scripts match the event
 * and the keys, so neither changes once released (see LOG EVENTS in
 * bcastd(8)). Log on edges and once per tick, never per read or send. With
 * LOG_FORMAT_JSON the same stands there as an object, the pairs as its members
 * (log_json.h).
 *
 * Who logs never waits for who reads the log. Once log_start() has returned, a
 * line is put into a ring in memory, and a thread writes it; a line for which
 * there is no room is dropped and counted, and the count is logged
 * (log_dropped count=N) in its place. Before that, and after log_stop(), lines
 * are written at once to standard error as text, and what would block is
 * dropped and counted likewise.
 *
 * Of one event, only so many lines a second are written; how many were left
 * out is said in one more line (receiver_refused suppressed=N). Errors are
 * never left out.
 *
 * What was complained of (error, warn) also stands in the segment, at once,
 * whether it was written or not: see log_segment.h.
 *
 * All state is global to the process. Any thread may log, once log_open() has
 * returned. errno is left as it was.
 */
#ifndef SRC_LOG_H
#define SRC_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR, /* the daemon cannot go on, or something was lost */
	LOG_LEVEL_WARN,	 /* someone will want to know why */
	LOG_LEVEL_INFO,	 /* the normal life of the stream */
	LOG_LEVEL_DEBUG,
};

enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

/* Whether a line begins with the time. */
enum log_time {
	LOG_TIME_AUTO, /* text on standard error: no; elsewhere */
	LOG_TIME_ON,
	LOG_TIME_OFF,
};

struct log_options {
	enum log_level level;
	enum log_format format;
	enum log_time time;
	const char *file;      /* "" for none; stays the caller's */
	uint64_t rotate_bytes; /* 0: never */
	uint32_t keep;	       /* old files */
	uint32_t rate;	       /* lines a second and event; 0: any number */
};

/* The longest line in bytes, newline included. A longer one ends in "...". */
#define LOG_LINE_MAX 1024

/* log_open - set the level: events above it are not written. */
void log_open(enum log_level level);

/*
 * log_limit - of an event, no more than so many lines a second; 0: any number.
 */
void log_limit(uint32_t rate);

/*
 * log_start - log by a thread from now on. Before other threads log. A file
 * that cannot be opened is no failure: lines then go to standard error, with
 * one that says so, and the file is tried again and again. `options` is copied.
 * Returns 0, or -errno: no thread.
 */
int log_start(const struct log_options *options);

/*
 * log_stop - have written what was logged, and end the thread. Waits for a
 * reader that does not read for no longer than LOG_STOP_MS; the rest is lost.
 */
#define LOG_STOP_MS 1000
void log_stop(void);

/* log_reopen - open the file anew, as after it was moved away. Never blocks. */
void log_reopen(void);

/*
 * log_event - log one line. `event` is the stable word; `format` gives the
 * key=value pairs, separated by spaces, and may be NULL for none. Both are
 * literals: they are looked at later. No key is time, level or event. Control
 * bytes and bytes above 126 are written as \n, \t or \xHH. Texts from outside
 * (names, addresses, paths, error texts) go through log_quote().
 */
void log_event(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * log_quote - make `value` fit to stand behind "key=". Bare if it is one
 * printable ASCII word; else in double quotes, with \" \\ \n \t and \xHH. What
 * does not fit into the buffer is cut with "...". `size` is at least 8.
 * Returns `buffer`. NULL is written as "".
 */
const char *log_quote(const char *value, char *buffer, size_t size);

#endif
