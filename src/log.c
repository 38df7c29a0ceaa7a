/* SPDX-License-Identifier: MIT */
/*
 * log.c - one event, one line.
 *
 * To log costs a call of vsnprintf() and a copy, about half a microsecond, and
 * some more for the wake if the log's thread sleeps; a line above the level, 4
 * ns. System calls are the business of that thread, and so is JSON. Without it
 * (in tests, and after the end) a line is written at once, if standard error
 * has room for it.
 */
#include "src/log.h"
#include "shm/clock.h"
#include "src/log_line.h"
#include "src/log_rate.h"
#include "src/log_segment.h"
#include "src/log_thread.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

static struct {
	_Atomic enum log_level level;
	atomic_bool threaded;
	atomic_ulong dropped; /* lines, since the last report; at once */
	struct log_rate rate;
} state = {.level = LOG_LEVEL_INFO};

void log_open(enum log_level level)
{
	atomic_store_explicit(&state.level, level, memory_order_relaxed);
}

void log_limit(uint32_t rate)
{
	atomic_store_explicit(&state.rate.limit, rate, memory_order_relaxed);
}

int log_start(const struct log_options *options)
{
	int ret;

	log_open(options->level);
	log_limit(options->rate);
	ret = log_thread_start(options, &state.rate);
	atomic_store_explicit(&state.threaded, ret == 0, memory_order_release);
	return ret;
}

void log_stop(void)
{
	if (!atomic_exchange_explicit(&state.threaded, false,
				      memory_order_acq_rel))
		return;
	log_thread_stop();
	log_limit(0);
}

void log_reopen(void)
{
	if (atomic_load_explicit(&state.threaded, memory_order_acquire))
		log_thread_reopen();
}

/* ---- At once ----------------------------------------------------------- */

static bool write_now(const struct log_record *record)
{
	struct pollfd error_output = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t written;

	if (poll(&error_output, 1, 0) != 1 || error_output.revents != POLLOUT)
		return false;
	do
		written = write(STDERR_FILENO, record->text, record->length);
	while (written < 0 && errno == EINTR);
	return written == (ssize_t)record->length;
}

static bool report_dropped(void)
{
	unsigned long dropped = atomic_exchange(&state.dropped, 0);
	struct log_record record;

	if (dropped == 0)
		return true;
	log_line_make(&record, LOG_LEVEL_WARN, "log_dropped", "count=%lu",
		      dropped);
	if (write_now(&record))
		return true;
	atomic_fetch_add(&state.dropped, dropped);
	return false;
}

/* ---- An event ---------------------------------------------------------- */

static bool is_wanted(enum log_level level, const char *event)
{
	enum log_rate_verdict verdict;

	if (level > atomic_load_explicit(&state.level, memory_order_relaxed))
		return false;
	if (atomic_load_explicit(&state.rate.limit, memory_order_relaxed) == 0)
		return true;
	verdict = log_rate_ask(&state.rate, level, event,
			       bc_realtime_ns() / (uint64_t)BC_NS_PER_S);
	if (verdict == LOG_RATE_WRITE)
		return true;
	log_segment_count(BC_COUNTER_log_suppressed, 1);
	if (verdict == LOG_RATE_LEAVE_OUT_FIRST)
		log_thread_look();
	return false;
}

static void deliver(const struct log_record *record)
{
	if (atomic_load_explicit(&state.threaded, memory_order_acquire))
		(void)log_thread_put(record); /* counted, and told later */
	else if (!report_dropped() || !write_now(record))
		atomic_fetch_add(&state.dropped, 1);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	int saved_errno = errno;
	struct log_record record;
	va_list arguments;
	bool wanted = is_wanted(level, event);

	if (wanted || level <= LOG_LEVEL_WARN) {
		/* the format may have %m */
		errno = saved_errno;
		va_start(arguments, format);
		log_line_vmake(&record, level, event, format, arguments);
		va_end(arguments);
	}
	if (level <= LOG_LEVEL_WARN)
		log_segment_note(&record);
	if (wanted)
		deliver(&record);
	errno = saved_errno;
}
