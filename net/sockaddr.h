/* SPDX-License-Identifier: MIT */
/*
 * sockaddr.h - between HOST:PORT as people write it and struct sockaddr.
 *
 * Accepted: name:port, IPv4:port, [IPv6]:port, [IPv6%scope]:port and *:port,
 * the port a number from 0 to 65535, 0 for one that the kernel picks. A bare
 * ":port" is refused: to listen to the whole network should be asked for.
 *
 * And unix sockets: unix:/path, an absolute path, or unix:@name for a name in
 * the abstract namespace. Blanks, control bytes, quotes, backslashes and commas
 * are refused in both: they would break logs and lists of options.
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

/* The longest path (or name) of a unix socket, terminator not included. */
#define BC_SOCKADDR_PATH_MAX 107

/* What bc_sockaddr_format() needs for any address, terminator included. */
#define BC_SOCKADDR_TEXT_MAX 128

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
 * bc_sockaddr_check - whether bc_sockaddr_parse() would take the form of
 * `text`, asking nobody. Returns 0, -EINVAL for another form, or -ENAMETOOLONG
 * for a unix socket's path of more than BC_SOCKADDR_PATH_MAX bytes.
 */
int bc_sockaddr_check(const char *text);

/* bc_sockaddr_is_unix - a unix socket's address? */
bool bc_sockaddr_is_unix(const struct bc_sockaddr *address);

/* bc_sockaddr_path - of a unix socket with a path that path; else NULL. */
const char *bc_sockaddr_path(const struct bc_sockaddr *address);

/* bc_sockaddr_port - the port; 0 for none, or of a unix socket. */
uint16_t bc_sockaddr_port(const struct sockaddr_storage *address);

/* bc_sockaddr_set_port - of an address of IPv4 or IPv6. */
void bc_sockaddr_set_port(struct bc_sockaddr *address, uint16_t port);

/*
 * bc_sockaddr_parse - the addresses that `text` stands for, to listen on or to
 * connect to. A name may give several, and `*` gives 0.0.0.0 and [::]; no two
 * are equal. Who listens on them all sets IPV6_V6ONLY and leaves out what this
 * machine does not have (EAFNOSUPPORT, EADDRNOTAVAIL).
 *
 * Returns the number of addresses written to `out`, 1 to `max` (more are left
 * out); -EINVAL or -ENAMETOOLONG, as above; -ENOMEM or another -errno; or a
 * code below -6000 if it does not resolve. bc_sockaddr_strerror() knows all. A
 * name may ask DNS, so this may block for seconds: call it at start only.
 */
int bc_sockaddr_parse(const char *text, struct bc_sockaddr *out, size_t max);

/* bc_sockaddr_strerror - one line for a result of bc_sockaddr_parse(). */
const char *bc_sockaddr_strerror(int result);

/*
 * bc_sockaddr_format - "127.0.0.1:40123", "[::1]:7400", "unix:/run/feed"; an
 * IPv4 address mapped into IPv6 is written as IPv4, a unix socket without a
 * name as "unix:", a family other than these as "unknown". What the kernel has
 * not filled in of *address is zero. Cut to `size`, always terminated. Returns
 * `buffer`.
 */
const char *bc_sockaddr_format(const struct sockaddr_storage *address,
			       char *buffer, size_t size);

/*
 * bc_sockaddr_same_host - is the peer of a connection on this machine? True
 * for a loopback peer, for one with our own address of that connection, and for
 * unix sockets. A hint for tuning, not for trust: a container with an address
 * of its own counts as another host.
 */
bool bc_sockaddr_same_host(const struct sockaddr_storage *local,
			   const struct sockaddr_storage *peer);

#endif
