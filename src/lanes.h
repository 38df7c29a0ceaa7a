/* SPDX-License-Identifier: MIT */
/*
 * lanes.h - the egress threads (--egress-threads), as the daemon's own thread
 * deals with them: it gives them connections, tells them the tail, and sums up
 * what they report. All of it is for the daemon's thread; without such threads
 * the count is 0 and nothing happens.
 */
#ifndef SRC_LANES_H
#define SRC_LANES_H

#include "src/daemon.h"
#include "src/lane_link.h"

/*
 * lanes_start - start the threads. Needs segment, limits and backend. Returns
 * 0, or an exit code of sysexits.h after logging why; lanes_stop() is due in
 * either case.
 */
int lanes_start(struct daemon *daemon);

/*
 * lanes_choose_cpus - where a thread beside the daemon's own may run: --cpu is
 * for that one, and the others keep off it, if they can.
 */
void lanes_choose_cpus(const struct daemon *daemon, pthread_attr_t *attributes);

/* lanes_stop - stop them at once, and free all. Safe on a zeroed struct. */
void lanes_stop(struct daemon *daemon);

/*
 * lanes_give - hand a connection to the thread with the fewest. The caller has
 * counted: one of them has room. The descriptor, and the session if there is
 * one, are the thread's from here on.
 */
void lanes_give(struct daemon *daemon, const struct lane_newcomer *newcomer);

/*
 * lanes_take_over - a subscriber of the home lane, which is to begin at
 * `position` and of which nothing is in flight, goes to a thread.
 */
void lanes_take_over(struct daemon *daemon, struct bc_conn *conn,
		     uint64_t position);

/* lanes_receivers - connections with the threads, also closing ones. */
uint32_t lanes_receivers(const struct daemon *daemon);

/*
 * lanes_narrow - lower floor and leader of *at to what the threads' receivers
 * need. The leader is theirs if `has_leader` is false, else the further; but no
 * further than the bounds that threads with receivers have set permit.
 */
void lanes_narrow(const struct daemon *daemon,
		  struct backpressure_positions *at, bool has_leader);

/*
 * lanes_want - be woken when they report something new. Reports from before
 * have to be looked at again after this.
 */
void lanes_want(struct daemon *daemon);

/* lanes_last_progress_ns - when one of their receivers took something. */
uint64_t lanes_last_progress_ns(const struct daemon *daemon);

/* lanes_lag_max - how far the last of their receivers is behind. */
uint64_t lanes_lag_max(const struct daemon *daemon);

/* lanes_publish - tell them the tail and wake them. */
void lanes_publish(struct daemon *daemon);

/* lanes_note - tell them the leader and whether all are stalled; no wake. */
void lanes_note(struct daemon *daemon, uint64_t leader);

/*
 * lanes_configure - give them a new daemon->config, and limits, of which they
 * have copies. False: the last one is still on its way; try again.
 */
bool lanes_configure(struct daemon *daemon);

/* lanes_order - tell them how far the end has come, if they do not know yet. */
void lanes_order(struct daemon *daemon, enum lane_order order);

/* lanes_on_event - the poll of the eventfd has ended. */
void lanes_on_event(struct daemon *daemon);

/* lanes_arm - poll the eventfd, if no poll is in flight. */
void lanes_arm(struct daemon *daemon);

/* lanes_failed - the errno that ended a thread before its time; 0: none. */
int lanes_failed(const struct daemon *daemon);

/* lanes_are_quiet - have all of them ended, and the poll? */
bool lanes_are_quiet(const struct daemon *daemon);

#endif
