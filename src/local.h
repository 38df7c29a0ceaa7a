/* SPDX-License-Identifier: MIT */
/*
 * local.h - a local process publishes: pace it, be woken by it, bury it.
 *
 * The publisher writes the ring by itself (shm/writer.h). The daemon sends what
 * it finds there, tells by lease.limit which bytes its sends still need, and
 * sleeps on the same word as readers do, but only while a receiver has nothing
 * else to do: otherwise a completed send wakes it anyway.
 */
#ifndef SRC_LOCAL_H
#define SRC_LOCAL_H

#include "src/daemon.h"

/* local_start - find the tail, and finish what a dead publisher has begun. */
void local_start(struct daemon *daemon);

/*
 * local_inherit - instead of that, after a hot upgrade: what the daemon before
 * us knew of the publisher; and how far it was told to go holds.
 */
void local_inherit(struct daemon *daemon, const struct local *known);

/*
 * local_admit - a receiver is about to join at the tail: hold the publisher to
 * what leaves that byte alone, then look at the tail anew.
 */
void local_admit(struct daemon *daemon);

/*
 * local_protect - a subscriber may begin at `position`, which is not beyond the
 * tail: hold the publisher to what leaves it alone. Returns whether nobody had
 * overwritten it by then; nobody will, until the next local_pace().
 */
bool local_protect(struct daemon *daemon, uint64_t position);

/* local_pace - tell the publisher how far it may go now. */
void local_pace(struct daemon *daemon);

/*
 * local_sleep - the loop is about to wait, for up to timeout_ns: have it woken
 * by publications, if they matter. Returns how long it may wait.
 */
int64_t local_sleep(struct daemon *daemon, int64_t timeout_ns);

/* local_awake - the loop goes on: no wake-ups, please. */
void local_awake(struct daemon *daemon);

/* local_on_event - the wait for the publisher has ended. */
void local_on_event(struct daemon *daemon);

/*
 * local_tick - who publishes now? If it is dead, what it has shown by header
 * is moved under the tail, and the lease is free.
 */
void local_tick(struct daemon *daemon);

/* local_drain - be woken no more. */
void local_drain(struct daemon *daemon);

#endif
