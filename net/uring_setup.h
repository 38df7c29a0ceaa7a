/* SPDX-License-Identifier: MIT */
/*
 * uring_setup.h - a ring from nothing to running, or why there is none.
 *
 * It is made disabled and told which operations it is for, then enabled: a bug
 * in this process then cannot use it to open a file or start a program. Where
 * the kernel takes no such list, the ring goes without.
 *
 * Buffers are registered between make and enable, or after: that stays allowed.
 */
#ifndef NET_URING_SETUP_H
#define NET_URING_SETUP_H

#include <stdbool.h>
#include <stddef.h>

#include "net/uring_compat.h"

#define BC_URING_SETUP_OPS 256u

struct bc_uring_setup {
	struct io_uring *ring; /* the caller's */
	bool has_futex;	       /* requests to wake and to wait, since 6.7 */
	bool restricted;       /* once enabled: the list is in force */
	bool known[BC_URING_SETUP_OPS]; /* operations of this kernel */
};

/*
 * bc_uring_setup_make - the ring, with params->flags, disabled. Returns 0, or
 * -errno: -ENOSYS too if an operation is missing that is needed.
 */
int bc_uring_setup_make(struct bc_uring_setup *setup, unsigned entries,
			struct io_uring_params *params);

/* bc_uring_setup_enable - by the thread that submits. Returns 0, or -errno. */
int bc_uring_setup_enable(struct bc_uring_setup *setup);

#endif
