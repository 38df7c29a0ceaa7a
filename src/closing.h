/* SPDX-License-Identifier: MIT */
/*
 * closing.h - how a connection ends: in one place, once.
 *
 * Whoever finds a reason calls bc_conn_end(), which only notes it. The loop
 * comes here after each batch of events: the connection is taken out of all
 * lists, counted, logged and remembered; its requests are cancelled; and when
 * the last of them has given its event, the descriptor is closed and the slot
 * free. A peer that was not sent all that it should have got sees a reset, not
 * an end that looks like the stream's.
 *
 * Zero-copy sends (zerocopy.h) outlive this, and hold the slot. A reset throws
 * away what is still to be sent, and their notifications follow; the slot
 * waits for them with its descriptor closed. An end in order does not: the
 * kernel goes on sending from the ring's pages. So it is announced to the peer,
 * and the descriptor kept until all is acknowledged, or it has taken too long
 * and is reset after all.
 */
#ifndef SRC_CLOSING_H
#define SRC_CLOSING_H

#include "src/lane.h"

/* closing_run - begin to close all that have ended. */
void closing_run(struct lane *lane);

/* closing_settle - an event has come: if it was the last, finish. */
void closing_settle(struct lane *lane, struct bc_conn *conn);

/*
 * closing_look_after - reset this closing connection if it has taken too long
 * to end in order. Returns when it will have.
 */
uint64_t closing_look_after(struct lane *lane, struct bc_conn *conn);

/* closing_press - reset all that are ending in order. */
void closing_press(struct lane *lane);

/*
 * closing_probe - the peer of this half-closed receiver may be gone: find out,
 * and end it if so.
 */
void closing_probe(struct lane *lane, struct bc_conn *conn);

#endif
