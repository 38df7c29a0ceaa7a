/* SPDX-License-Identifier: MIT */
/*
 * log_rate.h - of one event, no more than so many lines a second.
 *
 * Seconds are those of the clock that the caller reads, counted whole: where
 * two meet, twice as many lines can stand close together. A bucket that fills
 * by and by would avoid that and needs two words at once; the count of what was
 * left out would then belong to no time in particular.
 *
 * No locks: second and count of an event are one word. All times come from the
 * caller, so tests have a clock of their own.
 */
#ifndef SRC_LOG_RATE_H
#define SRC_LOG_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/log.h"

#define LOG_RATE_EVENTS 256u /* more than there are; the rest has no limit */

struct log_rate_event {
	_Atomic(const char *) event; /* NULL: free */
	_Atomic uint64_t window;     /* second << 32 | lines in it */
	_Atomic uint32_t left_out;   /* not reported yet */
	_Atomic uint32_t level;
};

/* Zeroed, and with a limit, it is ready. */
struct log_rate {
	_Atomic uint32_t limit;	  /* lines a second and event; 0: none */
	_Atomic uint32_t pending; /* events that left_out is not 0 of, about */
	struct log_rate_event events[LOG_RATE_EVENTS];
};

enum log_rate_verdict {
	LOG_RATE_WRITE,
	LOG_RATE_LEAVE_OUT,
	LOG_RATE_LEAVE_OUT_FIRST, /* there is something to be reported now */
};

/*
 * log_rate_ask - may a line of this event be written? The event is a literal:
 * it is kept. Any thread.
 */
enum log_rate_verdict log_rate_ask(struct log_rate *rate, enum log_level level,
				   const char *event, uint64_t now_s);

/* What was left out of one event. */
struct log_rate_report {
	enum log_level level;
	const char *event;
	uint32_t left_out;
};

/*
 * log_rate_take - the next event of which lines were left out in a second that
 * is over, or in any if `all`. False: there is none. One thread.
 */
bool log_rate_take(struct log_rate *rate, uint64_t now_s, bool all,
		   struct log_rate_report *report);

#endif
