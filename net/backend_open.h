/* SPDX-License-Identifier: MIT */
/*
 * backend_open.h - which backend: the best that works on this machine.
 *
 * io_uring may be there and yet not work: forbidden by a sysctl or a seccomp
 * filter, short of memory, too old, or broken in one operation. So it is not
 * asked what it can do but tried, once, with every kind of request.
 */
#ifndef NET_BACKEND_OPEN_H
#define NET_BACKEND_OPEN_H

#include "net/backend.h"

enum bc_backend_which {
	BC_BACKEND_AUTO, /* io_uring, or else epoll */
	BC_BACKEND_IO_URING,
	BC_BACKEND_EPOLL,
};

#define BC_BACKEND_WHY_MAX 256u

/*
 * bc_backend_open - open one, and try it. Takes a few milliseconds, and never
 * more than a second. The backend belongs to the calling thread.
 *
 * Returns 0; `why` is then empty, or says why auto did not get io_uring and
 * what to do about it. Or -errno, with the reason in `why`: what was asked for
 * cannot be had, or there are no descriptors left, which no other backend
 * would help against.
 */
int bc_backend_open(struct bc_backend **backend, enum bc_backend_which which,
		    unsigned connections, char why[BC_BACKEND_WHY_MAX]);

/* bc_backend_which - which one it is: io_uring or epoll. */
enum bc_backend_which bc_backend_which(const struct bc_backend *backend);

/*
 * bc_backend_try - one round trip of each kind of request on a backend that is
 * idle, and is so again on success. On failure it closes the backend. Returns
 * 0, or -errno with the request's name in *what.
 */
int bc_backend_try(struct bc_backend *backend, const char **what);

#endif
