/* SPDX-License-Identifier: MIT */
/*
 * stall.h - receivers that do not keep up, to see what they cost the others.
 *
 * They never read, or a little now and then. One thread keeps them: whenever
 * the server has dropped one it connects again, so that there are always as
 * many. They are not counted in the egress, nor in the window that holds the
 * sender.
 */
#ifndef BENCH_FANOUT_STALL_H
#define BENCH_FANOUT_STALL_H

#include "join.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define STALLED_MAX 1024u

struct stalled {
	struct joining joining; /* receivers: how many of them */
	unsigned sip_bytes;	/* each takes that many a second; 0: none */
	struct pollfd sockets[STALLED_MAX];
	pthread_t thread;
	bool running;
	atomic_uint dropped;
	atomic_bool stop;
};

/*
 * stall_start - connect them and keep them stalled; joining, sip_bytes are set.
 * Returns 0 or -errno.
 */
int stall_start(struct stalled *stalled);

/* stall_stop - all of them leave. They can be started again. */
void stall_stop(struct stalled *stalled);

#endif
