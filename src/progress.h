/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how far the receivers of a lane are, as egress.c tells it: what
 * the sender has to wait for, who is too far behind, and what becomes of them.
 *
 * What others ask about it is declared in egress.h (egress_claims(),
 * egress_leader(), egress_enforce_lag() and so on), and defined here; this is
 * between the two of them.
 */
#ifndef SRC_PROGRESS_H
#define SRC_PROGRESS_H

#include "src/lane.h"

/* progress_begin - a receiver more, at its cursor. */
void progress_begin(struct lane *lane, struct bc_conn *conn);

/* progress_end - one less; it may have been the furthest. */
void progress_end(struct lane *lane, struct bc_conn *conn);

/* progress_go_live - it was to skip, and its send is back. */
void progress_go_live(struct lane *lane, struct bc_conn *conn);

#endif
