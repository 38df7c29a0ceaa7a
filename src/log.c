/* SPDX-License-Identifier: MIT */
/*
 * log.c - one event, one line, one write(2).
 *
 * A line is made whole in a buffer and written at once, so that lines of
 * several processes on one terminal or pipe do not mix (up to PIPE_BUF the
 * kernel keeps them apart). Before the write the descriptor is asked whether
 * it has room: a full pipe would block the loop, and with it the stream, for
 * as long as its reader sleeps. O_NONBLOCK would do too, but belongs to the
 * open file, which the shell and our siblings share. A pipe whose reader has
 * gone shows POLLERR and is not written to, so no SIGPIPE comes from here.
 *
 * stdio is not used: it allocates, and it would keep a line that was refused.
 */
#include "src/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	enum log_level level;
	atomic_ulong dropped; /* lines, since the last report */
} state = {.level = LOG_LEVEL_INFO};

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void log_open(enum log_level level)
{
	state.level = level;
}

static bool printable(unsigned char c)
{
	return c >= ' ' && c <= '~';
}

/* Write a byte that is not printable as an escape; at most 5 with the NUL. */
static size_t escape(unsigned char c, char out[5])
{
	if (c == '\n')
		return (size_t)snprintf(out, 5, "\\n");
	if (c == '\t')
		return (size_t)snprintf(out, 5, "\\t");
	return (size_t)snprintf(out, 5, "\\x%02X", c);
}

/* How one byte is written within double quotes. */
static size_t quote(char c, char out[5])
{
	if (c == '"' || c == '\\')
		return (size_t)snprintf(out, 5, "\\%c", c);
	if (!printable((unsigned char)c))
		return escape((unsigned char)c, out);
	out[0] = c;
	return 1;
}

static bool is_word(const char *value)
{
	for (const char *c = value; *c != '\0'; c++) {
		if (!printable((unsigned char)*c) ||
		    strchr(" \"\\=", *c) != NULL)
			return false;
	}
	return *value != '\0';
}

const char *log_quote(const char *value, char *buffer, size_t size)
{
	static const char all[] = "\"";
	static const char cut[] = "...\"";
	const char *ending = all;
	size_t room = size - sizeof(all);
	size_t needed = 1;
	size_t used = 1;
	char piece[5];

	if (value == NULL)
		value = "";
	if (is_word(value) && strlen(value) < size)
		return memcpy(buffer, value, strlen(value) + 1);

	for (const char *c = value; *c != '\0' && needed <= room; c++)
		needed += quote(*c, piece);
	if (needed > room) {
		ending = cut;
		room = size - sizeof(cut);
	}
	buffer[0] = '"';
	for (const char *c = value; *c != '\0'; c++) {
		size_t length = quote(*c, piece);

		if (used + length > room)
			break;
		memcpy(buffer + used, piece, length);
		used += length;
	}
	memcpy(buffer + used, ending, strlen(ending) + 1);
	return buffer;
}

/*
 * Copy `text` with control bytes escaped, and end the line. What is too long
 * for a line is cut with "...".
 */
static size_t finish(const char *text, char line[LOG_LINE_MAX])
{
	size_t used = 0;
	size_t safe = 0; /* where "..." and the newline still fit */

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		char piece[5] = {(char)c};
		size_t length = printable(c) ? 1 : escape(c, piece);

		if (used + length + 1 > LOG_LINE_MAX) {
			memset(line + safe, '.', 3);
			used = safe + 3;
			break;
		}
		memcpy(line + used, piece, length);
		used += length;
		if (used + 4 <= LOG_LINE_MAX)
			safe = used;
	}
	line[used++] = '\n';
	return used;
}

static bool write_line(const char *line, size_t length)
{
	struct pollfd error_output = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t written;

	if (poll(&error_output, 1, 0) != 1 || error_output.revents != POLLOUT)
		return false;
	do
		written = write(STDERR_FILENO, line, length);
	while (written < 0 && errno == EINTR);
	return written == (ssize_t)length;
}

static bool report_dropped(void)
{
	char line[64];
	int length;

	unsigned long dropped = atomic_exchange(&state.dropped, 0);

	if (dropped == 0)
		return true;
	length = snprintf(line, sizeof(line), "warn log_dropped count=%lu\n",
			  dropped);
	if (write_line(line, (size_t)length))
		return true;
	atomic_fetch_add(&state.dropped, dropped);
	return false;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	char text[LOG_LINE_MAX + 1];
	char line[LOG_LINE_MAX];
	int saved_errno = errno;
	va_list arguments;
	size_t length;
	int used;

	if (level > state.level)
		return;
	used = snprintf(text, sizeof(text), "%s %s%s", level_names[level],
			event, format != NULL && *format != '\0' ? " " : "");
	if (format != NULL && (size_t)used < sizeof(text)) {
		va_start(arguments, format);
		(void)vsnprintf(text + used, sizeof(text) - (size_t)used,
				format, arguments);
		va_end(arguments);
	}
	/* `text` holds one byte more than fits, so finish() sees the excess. */
	length = finish(text, line);
	if (!report_dropped() || !write_line(line, length))
		state.dropped++;
	errno = saved_errno;
}
