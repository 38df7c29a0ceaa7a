/* SPDX-License-Identifier: MIT */
/*
 * connection.h - connections of any role: how they begin, what is asked of the
 * kernel for them, and how they end (by one function, once).
 */
#ifndef SRC_CONNECTION_H
#define SRC_CONNECTION_H

#include <stddef.h>

#include "src/daemon.h"

/*
 * connection_accepted - a listener has a new connection: it becomes the sender
 * or a receiver, by the listener's role, or is refused.
 */
void connection_accepted(struct daemon *daemon, uint32_t listener_index,
			 int fd);

/* connection_recv - receive into the ring; 0, or -errno if it was closed. */
int connection_recv(struct daemon *daemon, struct bc_conn *conn, void *buffer,
		    size_t size);

/* connection_send - send ring bytes; 0, or -errno: nothing is in flight. */
int connection_send(struct daemon *daemon, struct bc_conn *conn,
		    const void *bytes, size_t size);

/* connection_watch - tell us when the peer sends something, or has ended. */
int connection_watch(struct daemon *daemon, struct bc_conn *conn,
		     unsigned char *byte);

/* connection_discard - throw away up to size bytes that the peer has sent. */
int connection_discard(struct daemon *daemon, struct bc_conn *conn,
		       size_t size);

/* connection_cancel - end these requests (BC_CONN_...) early. */
void connection_cancel(struct daemon *daemon, struct bc_conn *conn,
		       uint32_t requests);

/*
 * connection_close - the end, for `reason` (enum bcast_close_reason) and
 * `error` (-errno or 0): out of all lists, counted, logged, remembered. The
 * slot and the descriptor follow when nothing is in flight any more. A peer
 * that has not been sent all that it should have sees a reset, not an end.
 */
void connection_close(struct daemon *daemon, struct bc_conn *conn,
		      uint32_t reason, int error);

/* connection_settled - a request has ended: finish closing, if it was last. */
void connection_settled(struct daemon *daemon, struct bc_conn *conn);

/*
 * connection_probe - the peer of this half-closed receiver may be gone: find
 * out, and close it if so.
 */
void connection_probe(struct daemon *daemon, struct bc_conn *conn);

#endif
