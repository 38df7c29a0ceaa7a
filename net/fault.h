/* SPDX-License-Identifier: MIT */
/*
 * fault.h - a backend that goes wrong on purpose, around one that does not.
 *
 * For tests, and only in builds with -DBCAST_FAULTS=ON (Debug); a Release does
 * not contain it. What goes wrong is said by the environment variable
 * BCAST_FAULTS, for instance "seed=7,short=3,again=50": of so many requests,
 * one, by a sequence that the seed alone decides.
 *
 *	seed=N		of the sequence (1)
 *	short=N		a send or receive is cut, to a third
 *	again=N		a storm begins: 8 sends and receives give -EAGAIN
 *	reset=N		a send or receive gives -ECONNRESET; likewise
 *	pipe=N, nobufs=N, nomem=N	-EPIPE, -ENOBUFS, -ENOMEM
 *	times=N		errors of the last two lines in all, at most (no limit)
 *	after=N		the first N requests are spared (0)
 *	on=send|recv	only these go wrong (both)
 *	emfile=N	accepting ends with -EMFILE as soon as it is asked for
 *	delay=N		an event is held back for 1 to 4 turns
 *	empty=N		a wait returns at once and with nothing, as by a signal
 */
#ifndef NET_FAULT_H
#define NET_FAULT_H

#include <stddef.h>

#include "net/backend.h"

/*
 * bc_fault_wrap - put a backend that goes wrong by `spec` in the place of
 * *backend, which then belongs to it. `connections` as for bc_uring_open().
 * Returns 0; -EINVAL for a spec that cannot be read; -ENOMEM. On failure
 * *backend is as it was.
 */
int bc_fault_wrap(struct bc_backend **backend, unsigned connections,
		  const char *spec);

/* bc_fault_from_environment - the same by BCAST_FAULTS, if that is set. */
#ifdef BCAST_FAULTS
int bc_fault_from_environment(struct bc_backend **backend,
			      unsigned connections);
#else
static inline int bc_fault_from_environment(struct bc_backend **backend,
					    unsigned connections)
{
	(void)backend;
	(void)connections;
	return 0;
}
#endif

#endif
