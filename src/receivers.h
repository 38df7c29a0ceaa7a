/* SPDX-License-Identifier: MIT */
/*
 * receivers.h - all receivers, whichever lane serves them, as the daemon's own
 * thread sees them: how many, how far, and what follows for who writes.
 */
#ifndef SRC_RECEIVERS_H
#define SRC_RECEIVERS_H

#include "src/daemon.h"

/* receivers_count - how many there are. */
uint32_t receivers_count(const struct daemon *daemon);

/* receivers_any - is there one, or a send that has outlived its receiver? */
bool receivers_any(const struct daemon *daemon);

/*
 * receivers_positions - where they are, for backpressure. Scans all of them
 * only if what is known from before would not admit a read.
 */
struct backpressure_positions receivers_positions(struct daemon *daemon);

/*
 * receivers_lag_limit - the lag that is too much now, whatever --max-lag is,
 * because a local publisher waits for room for a large record; or UINT64_MAX.
 */
uint64_t receivers_lag_limit(struct daemon *daemon);

/* receivers_last_progress_ns - when one of them last took something. */
uint64_t receivers_last_progress_ns(const struct daemon *daemon);

/* receivers_want_news - has one of them got all that there was? */
bool receivers_want_news(const struct daemon *daemon);

/* receivers_tick - show how many there are, and how far behind. */
void receivers_tick(struct daemon *daemon);

/*
 * receivers_drain - the tail is final: let those go that have all of it and, if
 * it has got late, the others too. Again and again, until they are gone.
 */
void receivers_drain(struct daemon *daemon, bool late);

/* receivers_are_gone - is nothing left of any, nor of a sender? */
bool receivers_are_gone(const struct daemon *daemon);

/* receivers_published - the tail has moved. */
void receivers_published(struct daemon *daemon);

#endif
