/* SPDX-License-Identifier: MIT */
/*
 * log_sink.h - where lines end: standard error, or a file that is rotated by
 * size and can be opened anew.
 *
 * A file that fails (a full disk, no permission, a directory that has gone)
 * does not lose a line: it goes to standard error, after one that says so
 * (log_file_failed). Once a second the file is tried again, when there is
 * something to write; what it then takes first is log_file_back, with the
 * number of lines that went elsewhere.
 *
 * Nobody waits here but the log's own thread: a write to a file blocks for as
 * long as the disk does, one to a pipe until there is room or the log is given
 * up.
 */
#ifndef SRC_LOG_SINK_H
#define SRC_LOG_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/log_line.h"

#define LOG_SINK_PATH_MAX 256

struct log_sink {
	enum log_format format;
	enum log_time time;
	char path[LOG_SINK_PATH_MAX]; /* "": standard error */
	uint64_t rotate_bytes;
	uint32_t keep;
	atomic_bool give_up; /* set by others: write nothing that blocks */

	int fd; /* the file, or -1 */
	bool regular;
	bool torn;	    /* standard error has the beginning of a line */
	bool failing;	    /* the file is */
	bool cannot_rotate; /* and that was said */
	uint64_t size;
	uint64_t retry_ns;  /* CLOCK_MONOTONIC: when to try again */
	uint64_t elsewhere; /* lines that went to standard error */
};

/* log_sink_open - begin. Never fails: see above. */
void log_sink_open(struct log_sink *sink, const struct log_options *options);

/* log_sink_write - write a line. False: it is lost. May block, see above. */
bool log_sink_write(struct log_sink *sink, const struct log_record *record);

/* log_sink_reopen - open the file anew, and say so in it. */
void log_sink_reopen(struct log_sink *sink);

void log_sink_close(struct log_sink *sink);

#endif
