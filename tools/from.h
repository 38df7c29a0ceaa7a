/* SPDX-License-Identifier: MIT */
/* from.h - --from: where in a stream a tool begins. */
#ifndef TOOLS_FROM_H
#define TOOLS_FROM_H

#include <stdbool.h>
#include <stdint.h>

#include <bcast/bcast.h>

/* For --help, and for what an argument must be. */
#define FROM_ARGUMENT "live|oldest|POS|seq:N|time:T"
#define FROM_RANGE                                                       \
	"live, oldest, a position, seq: and the number of a record, or " \
	"time: and @SECONDS since 1970 or -DURATION, such as time:-30s"

/*
 * from_parse - what --from says: *what is a position, the number of a record,
 * or a time in nanoseconds since 1970, by *from. now_ns is what durations are
 * counted back from. False, with nothing touched, if it says nothing.
 */
bool from_parse(const char *text, uint64_t now_ns, enum bcast_from *from,
		uint64_t *what);

/* from_now_ns - CLOCK_REALTIME, for from_parse(). */
uint64_t from_now_ns(void);

#endif
