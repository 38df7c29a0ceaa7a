/* SPDX-License-Identifier: MIT */
/*
 * socket.h - the few socket calls that the programs of this bench share.
 *
 * Addresses are IPv4 literals, "127.0.0.1:7400": this bench has no business
 * with names. Congestion control is set before connect() or listen(), so that
 * it holds from the first byte, and accepted sockets inherit it.
 */
#ifndef BENCH_FANOUT_SOCKET_H
#define BENCH_FANOUT_SOCKET_H

#include <stddef.h>
#include <stdint.h>

/* socket_size - "64K", "32M", "1G" or plain bytes; 0: not a size. */
uint64_t socket_size(const char *text);

/*
 * socket_connect - connect to address; congestion NULL: the system's;
 * rcvbuf_bytes 0: the system's, which grows by itself. Returns a blocking
 * socket with a 10 s receive timeout, or -errno.
 */
int socket_connect(const char *address, const char *congestion,
		   size_t rcvbuf_bytes);

/*
 * socket_listen - a listening socket at address (port 0: any); its address is
 * announced on stderr in the words of bcastd, "info listening addr=... role=".
 */
int socket_listen(const char *address, const char *congestion,
		  const char *role);

#endif
