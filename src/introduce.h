/* SPDX-License-Identifier: MIT */
/*
 * introduce.h - a new connection: who it is, how its socket is set, and where
 * others see it.
 */
#ifndef SRC_INTRODUCE_H
#define SRC_INTRODUCE_H

#include "src/lane.h"

/*
 * introduce - fill in who the peer is; show it, at a position, with a role that
 * may still change.
 */
void introduce(struct lane *lane, struct bc_conn *conn, uint32_t role,
	       uint64_t position);

/* introduce_receiver - that, and it receives from the position on. */
void introduce_receiver(struct lane *lane, struct bc_conn *conn,
			uint64_t position);

/*
 * introduce_subscriber - a client that was introduced before, in another role,
 * receives from `position` on.
 */
void introduce_subscriber(struct lane *lane, struct bc_conn *conn,
			  uint64_t position);

/*
 * introduce_welcomed - likewise, but it was introduced in another lane, which
 * has welcomed it and handed it over.
 */
void introduce_welcomed(struct lane *lane, struct bc_conn *conn,
			uint64_t position);

/* introduce_client - likewise, but it does not. */
void introduce_client(struct lane *lane, struct bc_conn *conn);

#endif
