/* SPDX-License-Identifier: MIT */
/*
 * remote_nodes.h - clients of --packet that are nodes: they come, stay and go.
 *
 * The daemon joins the registry on each one's behalf, as any local process
 * does, and with the same functions: a slot, an inbox and locks of its own
 * (two descriptors). So who lists, sends, or sweeps the dead need not know that
 * there are such nodes; BCAST_NODE_REMOTE says so to people. Messages both ways
 * are the business of post.h.
 *
 * Whose it is: the connection's. The node is there from before the WELCOME
 * until the connection ends or is told why it must, and no moment longer: its
 * id and slot are free then, and what lies in its inbox is lost.
 *
 * The same id again, while the old connection may be dead without our knowing:
 * with the publisher_id of that one, not 0, it is the same client, and replaces
 * it (BCAST_REJECT_REPLACED). Else it is somebody else, and refused, until the
 * old connection ends, at the latest by --idle-timeout.
 *
 * Sign of life: whatever comes from the client. It is shown as stuck after half
 * of --idle-timeout.
 *
 * kill -9 of the daemon frees the locks of all these nodes; others see them
 * dead at once and sweep them, the next daemon at its first tick. A registry
 * that is cut short under us (nodes.c) ends these clients, and nothing else.
 */
#ifndef SRC_REMOTE_NODES_H
#define SRC_REMOTE_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "net/hello.h"
#include "src/remote_node.h"

/*
 * remote_nodes_join - if this HELLO asks for a node: join for it. Returns false
 * if that failed; the client has been told why.
 */
bool remote_nodes_join(struct daemon *daemon, struct bc_conn *conn,
		       const struct bc_hello *hello);

/* remote_nodes_leave - this client is going; NULL is its node mostly. */
void remote_nodes_leave(struct daemon *daemon, struct bc_conn *conn);

/* remote_nodes_tick - show signs of life, and see whether all is well. */
void remote_nodes_tick(struct daemon *daemon);

/*
 * remote_nodes_drain - the stream ends: wait for no more mail.
 * remote_nodes_are_quiet - is the poll for it back?
 */
void remote_nodes_drain(struct daemon *daemon);
bool remote_nodes_are_quiet(const struct daemon *daemon);

/* remote_nodes_stop - free all. After the backend, before nodes_stop(). */
void remote_nodes_stop(struct daemon *daemon);

#endif
