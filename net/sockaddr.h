/* SPDX-License-Identifier: MIT */
/*
 * sockaddr.h - between HOST:PORT as people write it and struct sockaddr.
 *
 * Accepted: name:port, IPv4:port, [IPv6]:port, [IPv6%scope]:port and *:port,
 * the port a number from 0 to 65535, 0 for one that the kernel picks. A bare
 * ":port" is refused: to listen to the whole network should be asked for.
 */
#ifndef NET_SOCKADDR_H
#define NET_SOCKADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct bc_sockaddr {
	struct sockaddr_storage storage;
	socklen_t length;
};

/* What bc_sockaddr_format() needs for any address, terminator included. */
#define BC_SOCKADDR_TEXT_MAX 64

/* A host's longest name, terminator included. */
#define BC_SOCKADDR_HOST_MAX 256

/*
 * bc_sockaddr_split - check the form of `text` and take it apart, asking
 * nobody. `host` receives the host without brackets, "*" for all addresses.
 * Returns 0, or -EINVAL with the outputs untouched.
 */
int bc_sockaddr_split(const char *text, char host[BC_SOCKADDR_HOST_MAX],
		      uint16_t *port);

/*
 * bc_sockaddr_parse - the addresses that `text` stands for, to listen on or to
 * connect to. A name may give several, and `*` gives 0.0.0.0 and [::]; no two
 * are equal. Who listens on them all sets IPV6_V6ONLY and leaves out what this
 * machine does not have (EAFNOSUPPORT, EADDRNOTAVAIL).
 *
 * Returns the number of addresses written to `out`, 1 to `max` (more are left
 * out); -EINVAL for a text of another form; -ENOMEM or another -errno; or a
 * code below -6000 if it does not resolve. bc_sockaddr_strerror() knows all.
 * A name may ask DNS, so this may block for seconds: call it at start only.
 */
int bc_sockaddr_parse(const char *text, struct bc_sockaddr *out, size_t max);

/* bc_sockaddr_strerror - one line for a result of bc_sockaddr_parse(). */
const char *bc_sockaddr_strerror(int result);

/*
 * bc_sockaddr_format - "127.0.0.1:40123", "[::1]:7400"; an IPv4 address mapped
 * into IPv6 is written as IPv4, a family other than these as "unknown". Cut to
 * `size`, always terminated. Returns `buffer`.
 */
const char *bc_sockaddr_format(const struct sockaddr_storage *address,
			       char *buffer, size_t size);

/*
 * bc_sockaddr_same_host - is the peer of a connection on this machine? True
 * for a loopback peer and for one with our own address of that connection. A
 * hint for tuning, not for trust: a container with an address of its own
 * counts as another host.
 */
bool bc_sockaddr_same_host(const struct sockaddr_storage *local,
			   const struct sockaddr_storage *peer);

#endif
