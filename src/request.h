/* SPDX-License-Identifier: MIT */
/*
 * request.h - what is asked of the kernel for a connection. Each request is
 * noted in conn->in_flight, from here until the loop has its event.
 *
 * All return 0, or -errno if the backend is broken: nothing is in flight then.
 */
#ifndef SRC_REQUEST_H
#define SRC_REQUEST_H

#include <stddef.h>

#include "src/lane.h"

/* request_recv - receive into the ring. */
int request_recv(struct lane *lane, struct bc_conn *conn, void *buffer,
		 size_t size);

/* request_send - send ring bytes. */
int request_send(struct lane *lane, struct bc_conn *conn, const void *bytes,
		 size_t size);

/*
 * request_send_zc - send them without a copy: owed from now on. There is a
 * number for it.
 */
int request_send_zc(struct lane *lane, struct bc_conn *conn, const void *bytes,
		    size_t size);

/* request_watch - tell us when the peer has sent something, or has ended. */
int request_watch(struct lane *lane, struct bc_conn *conn, unsigned char *byte);

/* request_hello - receive a client's HELLO, or some of it. */
int request_hello(struct lane *lane, struct bc_conn *conn, void *buffer,
		  size_t size);

/* request_publish - receive into the publisher's own buffer. */
int request_publish(struct lane *lane, struct bc_conn *conn, void *buffer,
		    size_t size);

/* request_each - receive whatever a client says, until that is ended. */
int request_each(struct lane *lane, struct bc_conn *conn);

/* request_discard - throw away up to size bytes that the peer has sent. */
int request_discard(struct lane *lane, struct bc_conn *conn, size_t size);

/* request_cancel - end these requests (BC_CONN_...) early. */
void request_cancel(struct lane *lane, struct bc_conn *conn, uint32_t requests);

#endif
