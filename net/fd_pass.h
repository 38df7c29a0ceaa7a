/* SPDX-License-Identifier: MIT */
/*
 * fd_pass.h - messages between two processes of one machine, with descriptors.
 *
 * Over a unix socket of type SOCK_SEQPACKET, so a message comes whole or not at
 * all. Nothing here blocks: who may wait polls.
 */
#ifndef NET_FD_PASS_H
#define NET_FD_PASS_H

#include <stddef.h>

/* The kernel passes on 253 at once (SCM_MAX_FD). */
#define BC_FD_PASS_MAX 250u

/*
 * bc_fd_pass_send - one message with `count` descriptors, which stay open here.
 * Returns 0, -EAGAIN if there is no room for it now (or for more descriptors on
 * the way), or -errno: -EPIPE or -ECONNRESET if the other side has gone.
 */
int bc_fd_pass_send(int socket_fd, const void *bytes, size_t size,
		    const int *fds, unsigned count);

/*
 * bc_fd_pass_receive - the next message; its descriptors are ours,
 * close-on-exec and in `fds`, which has room for BC_FD_PASS_MAX. Returns its
 * size, 0 at the end, -EAGAIN if there is none yet, -EMSGSIZE if it was longer
 * than `size` or some descriptors could not be had (none is kept then), or
 * -errno.
 */
int bc_fd_pass_receive(int socket_fd, void *bytes, size_t size, int *fds,
		       unsigned *count);

#endif
