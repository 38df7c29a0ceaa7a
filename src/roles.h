/* SPDX-License-Identifier: MIT */
/*
 * roles.h - what a connection is: the sender, a receiver, or refused.
 *
 * By the listener it came in at: --ingest takes senders, --egress receivers,
 * and --listen makes a sender of the first and receivers of the later ones. A
 * sender's place is free when there is none, or the last in line has finished.
 */
#ifndef SRC_ROLES_H
#define SRC_ROLES_H

#include "src/daemon.h"

/* roles_accepted - a listener has a new connection. */
void roles_accepted(struct daemon *daemon, uint32_t listener_index, int fd);

/*
 * roles_offer_promotion - this receiver has started to send: with --reassign
 * any, and the sender's place free, it becomes the sender; or what it has sent
 * is left where it is, to be offered again, until its zero-copy sends are
 * settled. Returns whether either is so.
 */
bool roles_offer_promotion(struct daemon *daemon, struct bc_conn *conn);

/* roles_left - a connection of the home lane is ending: so is what it did. */
void roles_left(struct daemon *daemon, struct bc_conn *conn);

#endif
