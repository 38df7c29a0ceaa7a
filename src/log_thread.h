/* SPDX-License-Identifier: MIT */
/*
 * log_thread.h - the thread that takes lines out of the ring and writes them.
 *
 * It sleeps until there is a line, so an idle daemon is not woken by its log.
 * All signals but those of bugs are blocked in it. There is one, and its state
 * is its own.
 */
#ifndef SRC_LOG_THREAD_H
#define SRC_LOG_THREAD_H

#include <stdbool.h>

#include "src/log_line.h"
#include "src/log_rate.h"

/* log_thread_start - returns 0 or -errno. */
int log_thread_start(const struct log_options *options, struct log_rate *rate);

/*
 * log_thread_put - have a line written. False: there is no room, and that is
 * counted. Never blocks: at most one futex(2) to wake the thread. Any thread.
 */
bool log_thread_put(const struct log_record *record);

/* log_thread_look - there are lines left out to be reported: see log_rate.h. */
void log_thread_look(void);

/* log_thread_reopen - see log_reopen(). */
void log_thread_reopen(void);

/* log_thread_stop - write all, and end it; see log_stop(). */
void log_thread_stop(void);

#endif
