/* SPDX-License-Identifier: MIT */
/*
 * session_speak.h - sending what is in a client's outbox, and what follows from
 * its having been sent.
 */
#ifndef SRC_SESSION_SPEAK_H
#define SRC_SESSION_SPEAK_H

#include "src/lane.h"

/* session_speak - post a send of the outbox. Returns 0 or -errno. */
int session_speak(struct lane *lane, struct bc_conn *conn);

/* session_on_spoken - that send has ended. */
void session_on_spoken(struct lane *lane, struct bc_conn *conn, int result);

#endif
