/* SPDX-License-Identifier: MIT */
/*
 * log_sink.c - see log_sink.h.
 *
 * Each line is one write(2), so that lines of several processes on one terminal
 * or pipe do not mix (up to PIPE_BUF the kernel keeps them apart), and so that
 * a line is out of our hands once it is written. Before a write to standard
 * error it is asked whether it has room. O_NONBLOCK would do too, but belongs
 * to the open file, which the shell and our siblings share. A pipe whose reader
 * has gone shows POLLERR and is not written to, so no SIGPIPE comes from here.
 *
 * The file is ours alone: it is opened with O_NONBLOCK, so that a fifo without
 * a reader is an error and not a wait; and the beginning of a line that did not
 * fit on the disk is taken back, so that every line in it is whole.
 */
#include "src/log_sink.h"
#include "shm/clock.h"
#include "src/log_json.h"
#include "src/log_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GIVE_UP_LOOK_MS 50
#define RETRY_NS	((uint64_t)BC_NS_PER_S)
#define QUOTED_MAX	300

static size_t form(const struct log_sink *sink, const struct log_record *record,
		   bool to_file, char line[LOG_OUT_MAX])
{
	if (sink->format == LOG_FORMAT_JSON)
		return log_json_line(record, sink->time != LOG_TIME_OFF, line);
	return log_line_text(record,
			     sink->time == LOG_TIME_ON ||
				     (sink->time == LOG_TIME_AUTO && to_file),
			     line);
}

/* ---- Standard error ---------------------------------------------------- */

/* Without a file there is nowhere else to go. With one, it may be back soon. */
static bool may_wait(const struct log_sink *sink)
{
	return sink->path[0] == '\0' &&
	       !atomic_load_explicit(&sink->give_up, memory_order_relaxed);
}

static bool await_room(const struct log_sink *sink)
{
	for (;;) {
		struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
		int ready = poll(&out, 1, 0);

		if (ready == 0 && may_wait(sink))
			ready = poll(&out, 1, GIVE_UP_LOOK_MS);
		if (ready > 0)
			return out.revents == POLLOUT;
		if (ready < 0 && errno != EINTR)
			return false;
		if (!may_wait(sink))
			return false;
	}
}

/* Returns how much of it was written. */
static size_t write_out(const struct log_sink *sink, const char *text,
			size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n;

		if (!await_room(sink))
			break;
		n = write(STDERR_FILENO, text + done, length - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	return done;
}

static bool write_error_output(struct log_sink *sink,
			       const struct log_record *record)
{
	char line[LOG_OUT_MAX];
	size_t length = form(sink, record, false, line);
	size_t done;

	if (sink->torn && write_out(sink, "\n", 1) == 1)
		sink->torn = false;
	done = sink->torn ? 0 : write_out(sink, line, length);
	if (done > 0 && done < length)
		sink->torn = true;
	return done == length;
}

/* ---- The file ---------------------------------------------------------- */

static int open_file(struct log_sink *sink)
{
	struct stat status;

	sink->fd = open(sink->path,
			O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK |
				O_NOCTTY,
			0640);
	if (sink->fd < 0)
		return -errno;
	sink->regular =
		fstat(sink->fd, &status) == 0 && S_ISREG(status.st_mode);
	sink->size = sink->regular ? (uint64_t)status.st_size : 0;
	return 0;
}

static void close_file(struct log_sink *sink)
{
	if (sink->fd >= 0)
		(void)close(sink->fd);
	sink->fd = -1;
}

/* The file may have been cut by others since: what counts is where it ends. */
static int take_back(const struct log_sink *sink, size_t bytes)
{
	struct stat status;

	if (bytes == 0 || !sink->regular)
		return 0;
	if (fstat(sink->fd, &status) < 0 || status.st_size < (off_t)bytes)
		return -EIO;
	return ftruncate(sink->fd, status.st_size - (off_t)bytes) < 0 ? -errno
								      : 0;
}

/* All of it or nothing. */
static int append(struct log_sink *sink, const char *line, size_t length)
{
	size_t done = 0;
	int error = 0;

	while (done < length && error == 0) {
		ssize_t n = write(sink->fd, line + done, length - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			error = n == 0 ? ENOSPC : errno;
	}
	if (error == 0) {
		sink->size += length;
		return 0;
	}
	(void)take_back(sink, done); /* else a line is torn, and that is all */
	return -error;
}

static int append_record(struct log_sink *sink, const struct log_record *record)
{
	char line[LOG_OUT_MAX];

	return append(sink, line, form(sink, record, true, line));
}

static void complain(struct log_sink *sink, const char *reason, int error)
{
	char path[QUOTED_MAX];
	struct log_record record;

	log_line_make(&record, LOG_LEVEL_WARN, "log_file_failed",
		      "path=%s reason=%s error=\"%s\"",
		      log_quote(sink->path, path, sizeof(path)), reason,
		      strerror(-error));
	log_segment_note(&record);
	(void)write_error_output(sink, &record);
}

static void fail(struct log_sink *sink, const char *reason, int error)
{
	close_file(sink);
	log_segment_count_late(BC_COUNTER_log_file_errors, 1);
	if (!sink->failing)
		complain(sink, reason, error);
	sink->failing = true;
	sink->retry_ns = bc_monotonic_ns() + RETRY_NS;
}

/* Works again if it takes a line; then it has got one that says so. */
static void try_again(struct log_sink *sink)
{
	char path[QUOTED_MAX];
	struct log_record record;
	int ret = open_file(sink);

	log_line_make(&record, LOG_LEVEL_INFO, "log_file_back",
		      "path=%s elsewhere=%llu",
		      log_quote(sink->path, path, sizeof(path)),
		      (unsigned long long)sink->elsewhere);
	if (ret == 0)
		ret = append_record(sink, &record);
	if (ret < 0) {
		fail(sink, "open", ret);
		return;
	}
	sink->failing = false;
	sink->elsewhere = 0;
}

/* ---- Rotation ---------------------------------------------------------- */

static const char *numbered(const struct log_sink *sink, uint32_t number,
			    char name[LOG_SINK_PATH_MAX + 16])
{
	(void)snprintf(name, LOG_SINK_PATH_MAX + 16, "%s.%u", sink->path,
		       number);
	return name;
}

/* FILE to FILE.1, and so on; the oldest goes. */
static int shift(const struct log_sink *sink)
{
	char from[LOG_SINK_PATH_MAX + 16], to[LOG_SINK_PATH_MAX + 16];

	if (sink->keep == 0)
		return unlink(sink->path) < 0 ? -errno : 0;
	for (uint32_t i = sink->keep; i > 1; i--)
		if (rename(numbered(sink, i - 1, from), numbered(sink, i, to)) <
			    0 &&
		    errno != ENOENT)
			return -errno;
	return rename(sink->path, numbered(sink, 1, to)) < 0 ? -errno : 0;
}

/* Where that fails, the file just grows; it is tried again in a second. */
static void rotate(struct log_sink *sink)
{
	int ret;

	if (bc_monotonic_ns() < sink->retry_ns)
		return;
	ret = shift(sink);
	if (ret == 0) {
		sink->cannot_rotate = false;
		close_file(sink);
		ret = open_file(sink);
		if (ret < 0)
			fail(sink, "open", ret);
		return;
	}
	sink->retry_ns = bc_monotonic_ns() + RETRY_NS;
	log_segment_count_late(BC_COUNTER_log_file_errors, 1);
	if (!sink->cannot_rotate)
		complain(sink, "rotate", ret);
	sink->cannot_rotate = true;
}

static bool is_full(const struct log_sink *sink,
		    const struct log_record *record)
{
	return sink->rotate_bytes > 0 && sink->regular && sink->size > 0 &&
	       sink->size + record->length > sink->rotate_bytes;
}

/* ---- Either ------------------------------------------------------------ */

bool log_sink_write(struct log_sink *sink, const struct log_record *record)
{
	int ret;

	if (sink->path[0] == '\0')
		return write_error_output(sink, record);
	if (sink->failing && bc_monotonic_ns() >= sink->retry_ns)
		try_again(sink);
	if (!sink->failing && is_full(sink, record))
		rotate(sink);
	if (!sink->failing) {
		ret = append_record(sink, record);
		if (ret == 0)
			return true;
		fail(sink, "write", ret);
	}
	sink->elsewhere++;
	return write_error_output(sink, record);
}

void log_sink_open(struct log_sink *sink, const struct log_options *options)
{
	int ret;

	memset(sink, 0, sizeof(*sink));
	sink->format = options->format;
	sink->time = options->time;
	sink->rotate_bytes = options->rotate_bytes;
	sink->keep = options->keep;
	sink->fd = -1;
	(void)snprintf(sink->path, sizeof(sink->path), "%s", options->file);
	if (sink->path[0] == '\0')
		return;
	ret = open_file(sink);
	if (ret < 0)
		fail(sink, "open", ret);
}

void log_sink_reopen(struct log_sink *sink)
{
	char path[QUOTED_MAX];
	struct log_record record;
	int ret;

	if (sink->path[0] == '\0')
		return;
	close_file(sink);
	sink->retry_ns = 0;
	if (sink->failing)
		return; /* the next line tries it */
	ret = open_file(sink);
	if (ret < 0) {
		fail(sink, "open", ret);
		return;
	}
	log_line_make(&record, LOG_LEVEL_INFO, "log_file_reopened", "path=%s",
		      log_quote(sink->path, path, sizeof(path)));
	(void)log_sink_write(sink, &record);
}

void log_sink_close(struct log_sink *sink)
{
	close_file(sink);
}
