/* SPDX-License-Identifier: MIT */
/*
 * listener.h - a listening socket, made so that what it accepts is right.
 *
 * Accepted sockets inherit buffers, TCP_NODELAY, congestion control, keepalive
 * and TCP_USER_TIMEOUT, so these are set here, once, and accepting costs no
 * further system call.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/sockaddr.h"

/* How many wait to be accepted; the kernel cuts it to net.core.somaxconn. */
#define BC_LISTENER_BACKLOG 4096

struct bc_listener_options {
	const char *congestion;	  /* "": the system's choice */
	uint32_t sndbuf_bytes;	  /* 0: the system's choice */
	uint32_t rcvbuf_bytes;	  /* 0: the system's choice */
	uint32_t busy_poll_us;	  /* 0: the system's choice */
	uint32_t keepalive_ms;	  /* rounded up to seconds; 0: none */
	uint32_t user_timeout_ms; /* of bytes that are not acknowledged */
	uint32_t extra_wait_ms;	  /* beyond the 2 s below */
	bool impatient;		  /* do not wait at all */
};

/*
 * bc_listener_open - bind and listen. Waits up to about 2 s, or longer where
 * asked to, for an address in use to become free, since a killed predecessor's
 * sockets go away a little after it. Returns the descriptor, or -errno
 * (-EADDRINUSE, -EADDRNOTAVAIL, -EACCES; -ENOENT: no such congestion control;
 * -EPERM: not allowed to use it). `bound` receives the address, with the port
 * that the kernel picked.
 */
int bc_listener_open(const struct bc_sockaddr *address,
		     const struct bc_listener_options *options,
		     struct sockaddr_storage *bound);

/*
 * bc_listener_retune - from now on accepted sockets have these two. Returns 0
 * or -errno.
 */
int bc_listener_retune(int fd, uint32_t keepalive_ms, uint32_t user_timeout_ms);

/* bc_listener_backlog - how many really; BC_LISTENER_BACKLOG if unknown. */
unsigned bc_listener_backlog(void);

#endif
