/* SPDX-License-Identifier: MIT */
/*
 * greeting.h - a client's HELLO, and what comes of it: WELCOME or REJECT.
 *
 * The HELLO is received by itself: never a byte more than it is long, so that
 * what follows can be received wherever it belongs, a publisher's records into
 * the ring itself. Which role is given to whom is decided here, by the daemon's
 * own thread.
 */
#ifndef SRC_GREETING_H
#define SRC_GREETING_H

#include "src/daemon.h"

/* greeting_begin - a connection at a --packet address: wait for its HELLO. */
void greeting_begin(struct daemon *daemon, struct bc_conn *conn);

/*
 * greeting_resume - the HELLOs that had to wait (session->waits), if they may.
 */
void greeting_resume(struct daemon *daemon);

/* greeting_on_recv - some more of it has come. */
void greeting_on_recv(struct daemon *daemon, struct bc_conn *conn, int result);

#endif
