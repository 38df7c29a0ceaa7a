/* SPDX-License-Identifier: MIT */
/*
 * peer_socket.h - has a peer that sent its end closed its socket as well?
 *
 * A receiver's FIN can mean two things that look the same on the wire: it will
 * not send any more ("nc host port </dev/null"), or it has gone. The first must
 * be served on; the second shows only when something is sent to it. For a peer
 * on this machine the kernel can be asked (sock_diag(7)): a socket that nobody
 * holds any more has no inode, or is no longer there. Of a unix socket our own
 * end knows.
 */
#ifndef NET_PEER_SOCKET_H
#define NET_PEER_SOCKET_H

#include <stddef.h>

/* A netlink socket for the question. Zeroed is closed. */
struct bc_peer_socket {
	int fd;
};

/* bc_peer_socket_open - 0, or -errno: the question can then not be asked. */
int bc_peer_socket_open(struct bc_peer_socket *diag);

/* bc_peer_socket_close - idempotent; fd -1 is closed. */
void bc_peer_socket_close(struct bc_peer_socket *diag);

/*
 * bc_peer_socket_held - does a process still hold the other end of connection
 * `fd`? 1 yes, 0 no (it can at least not be sent to any more), -ENOENT if the
 * other end is not a socket of this network namespace, or -errno. One question
 * to the kernel, answered at once.
 */
int bc_peer_socket_held(const struct bc_peer_socket *diag, int fd);

/*
 * bc_peer_socket_describe - who the other end of connection `fd` is, for logs:
 * its address; of a unix socket, whose clients have no names, the process that
 * connected, "unix:pid=123,uid=1000" (pid 0: of another pid namespace). Cut to
 * `size`, always terminated. Returns `buffer`.
 */
const char *bc_peer_socket_describe(int fd, char *buffer, size_t size);

#endif
