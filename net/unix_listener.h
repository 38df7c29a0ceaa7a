/* SPDX-License-Identifier: MIT */
/*
 * unix_listener.h - a listening unix socket, and the file that it is found by.
 *
 * The file outlives a process that was killed. It is taken over then, and only
 * then: who still answers at it is left alone, and so is anything that is not a
 * socket. At the end it is removed, if it is still the one we have made.
 */
#ifndef NET_UNIX_LISTENER_H
#define NET_UNIX_LISTENER_H

#include <stdint.h>
#include <sys/types.h>

#include "net/sockaddr.h"

struct bc_unix_listener_options {
	mode_t mode; /* of the file; to connect is to write to it */
	gid_t gid;   /* of the file; (gid_t)-1: as the system would */
	uint32_t extra_wait_ms; /* beyond the 2 s below */
};

/* Which file is ours. Zeroed: none. */
struct bc_unix_file {
	dev_t device;
	ino_t inode;
};

/*
 * bc_unix_listener_open - bind and listen at a path, or at a name of the
 * abstract namespace, which has no file, no permissions, and no *file filled
 * in. Waits up to about 2 s, or longer where asked to, for who listens there to
 * go: the kernel takes a moment to clean up after a killed one.
 *
 * Returns the descriptor, or -errno: -EADDRINUSE: somebody listens there;
 * -ENOTSOCK: something that is not a socket is there; -EPERM: we may not give
 * the file to that group; or as for bind(2).
 */
int bc_unix_listener_open(const struct bc_sockaddr *address,
			  const struct bc_unix_listener_options *options,
			  struct bc_unix_file *file);

/* bc_unix_listener_remove - remove the file if it is this one. */
void bc_unix_listener_remove(const struct bc_sockaddr *address,
			     const struct bc_unix_file *file);

#endif
