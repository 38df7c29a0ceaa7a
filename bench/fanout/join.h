/* SPDX-License-Identifier: MIT */
/*
 * join.h - everything before the first byte that counts: N receivers and the
 * sender, connected and known to the server.
 *
 * A message server confirms a subscription. A raw one says nothing when it has
 * accepted a connection, and one that is still in its queue misses what is
 * sent before; connect() succeeding proves nothing. So the sender of raw bytes
 * ticks until everybody has got a tick, sends a last byte, and everybody reads
 * up to it.
 */
#ifndef BENCH_FANOUT_JOIN_H
#define BENCH_FANOUT_JOIN_H

#include "protocol.h"

#include <stddef.h>

struct joining {
	const struct protocol *protocol;
	const char *egress;
	const char *ingest;
	const char *congestion; /* NULL: the system's */
	size_t rcvbuf_bytes;	/* SO_RCVBUF of receivers; 0: the system's */
	unsigned receivers;
};

/* join_one - connect one receiver and subscribe. Its descriptor, or -errno. */
int join_one(const struct joining *joining);

/* join_receivers - all of them, into fds[]. Returns 0 or -errno. */
int join_receivers(const struct joining *joining, int *fds);

/*
 * join_sender - connect the sender; from its return on all receivers get the
 * same bytes. Returns its descriptor, or -errno; bounded in time.
 */
int join_sender(const struct joining *joining, const int *fds);

#endif
