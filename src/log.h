/* SPDX-License-Identifier: MIT */
/*
 * log.h - the daemon's log: one line per event, on standard error.
 *
 *	info listening addr=127.0.0.1:40123 role=any
 *
 * Level, a stable event word, then key=value pairs. Scripts match the event
 * and the keys, so neither changes once released (see LOG EVENTS in
 * bcastd(8)). Log on edges and once per tick, never per read or send.
 *
 * A log that nobody reads must not stop the stream: a line that would block is
 * dropped and counted, and the count is logged (log_dropped count=N) before
 * the next line that can be written. Nothing is set on the descriptor, since
 * others share it.
 *
 * The level and the count are the only state, global to the process. Any thread
 * may log, once log_open() has returned. errno is left as it was.
 */
#ifndef SRC_LOG_H
#define SRC_LOG_H

#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR, /* the daemon cannot go on, or something was lost */
	LOG_LEVEL_WARN,	 /* someone will want to know why */
	LOG_LEVEL_INFO,	 /* the normal life of the stream */
	LOG_LEVEL_DEBUG,
};

/* The longest line in bytes, newline included. A longer one ends in "...". */
#define LOG_LINE_MAX 1024

/* log_open - set the level: events above it are not written. */
void log_open(enum log_level level);

/*
 * log_event - write one line. `event` is the stable word; `format` gives the
 * key=value pairs, separated by spaces, and may be NULL for none. Control
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
