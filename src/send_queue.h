/* SPDX-License-Identifier: MIT */
/*
 * send_queue.h - whose turn it is to be sent something.
 *
 * An open receiver with no send in flight is in one of three lists: `ready` (it
 * is behind the tail, or there is something to tell it), `caught_up`, or `held`
 * (its rate lets it have nothing yet). They are first in, first out, so that
 * whoever has waited longest is served first.
 * A client that does not subscribe is in `ready`, or in none.
 */
#ifndef SRC_SEND_QUEUE_H
#define SRC_SEND_QUEUE_H

#include "src/lane.h"

/* send_queue_put - no send is in flight, and it is in no list: to its place. */
void send_queue_put(struct lane *lane, struct bc_conn *conn);

/* send_queue_remove - it is in no list any more. */
void send_queue_remove(struct lane *lane, struct bc_conn *conn);

/* send_queue_nudge - there is something to send to it, or may be. */
void send_queue_nudge(struct lane *lane, struct bc_conn *conn);

/* send_queue_postpone - a client that has nothing to send in this turn. */
void send_queue_postpone(struct lane *lane, struct bc_conn *conn);

/* send_queue_hold - its rate allows nothing now; LANE_HELD is armed. */
void send_queue_hold(struct lane *lane, struct bc_conn *conn);

/*
 * send_queue_begin_turn - when one of those who are held may go on, all of them
 * are ready: those who may not are held again when it is their turn.
 */
void send_queue_begin_turn(struct lane *lane);

/* send_queue_next - who is first; it is in no list now. NULL: nobody. */
struct bc_conn *send_queue_next(struct lane *lane);

/* send_queue_end_turn - those who were postponed are ready again. */
void send_queue_end_turn(struct lane *lane);

/* send_queue_published - the tail has moved: nobody is at it. */
void send_queue_published(struct lane *lane);

/* send_queue_has_ready - is there somebody to be sent something? */
bool send_queue_has_ready(const struct lane *lane);

/* send_queue_has_caught_up - is somebody waiting for new bytes? */
bool send_queue_has_caught_up(const struct lane *lane);

#endif
