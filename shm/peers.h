/* SPDX-License-Identifier: MIT */
/*
 * peers.h - the daemon's connections as others see them: the table of open
 * ones and the memory of closed ones, in the segment. Written by the thread
 * that serves the connection; nothing is ever read back from here by the
 * daemon, so whatever stands here cannot mislead it.
 */
#ifndef BC_PEERS_H
#define BC_PEERS_H

#include <stdint.h>

#include "shm/segment.h"

#define BC_CLOSED_SLOTS 1024u

/* A connection, when it is shown for the first time. */
struct bc_peer_opening {
	uint32_t role; /* enum bcast_peer_role */
	const char *peer;
	const char *local;
	uint64_t position;
	uint64_t now_ns; /* CLOCK_MONOTONIC */
};

/* A connection's last words. */
struct bc_peer_closing {
	uint32_t role;
	uint32_t reason; /* enum bcast_close_reason */
	int error;	 /* -errno or 0 */
	const char *peer;
	uint64_t cursor;
	uint64_t lag;
	uint64_t bytes;
	uint64_t connected_realtime_ns;
};

/* bc_peers_slot - entry `slot` of the table; slot < its count. */
struct bc_peer_shm *bc_peers_slot(const struct bc_segment *segment,
				  uint32_t slot);

/* bc_peers_open - fill an entry; its role is stored last. */
void bc_peers_open(struct bc_peer_shm *entry,
		   const struct bc_peer_opening *opening);

/* bc_peers_set_role - the connection changes what it does. */
void bc_peers_set_role(struct bc_peer_shm *entry, uint32_t role,
		       uint64_t position);

/* bc_peers_close - free the entry. */
void bc_peers_close(struct bc_peer_shm *entry);

/* bc_peers_remember - add to the memory of closed connections. */
void bc_peers_remember(struct bc_segment *segment,
		       const struct bc_peer_closing *closing);

/*
 * bc_peers_adopt - close all connections that a dead owner has left open, and
 * remember them as BCAST_CLOSE_DAEMON_DIED, behind those that it remembered
 * itself. Sets segment->closed_count. The adopter, once; killed at any line it
 * can be done again, and remembers nobody twice.
 */
void bc_peers_adopt(struct bc_segment *segment);

/*
 * bc_peers_progress - count one completed send (or receive) of `bytes`, which
 * leaves the cursor at `cursor`. On the data path: plain stores, one line.
 */
static inline void bc_peers_progress(struct bc_peer_shm *entry, uint64_t cursor,
				     uint64_t bytes, uint64_t now_ns)
{
	uint64_t old_bytes =
		atomic_load_explicit(&entry->bytes, memory_order_relaxed);
	uint64_t operations =
		atomic_load_explicit(&entry->operations, memory_order_relaxed);

	atomic_store_explicit(&entry->cursor, cursor, memory_order_relaxed);
	atomic_store_explicit(&entry->bytes, old_bytes + bytes,
			      memory_order_relaxed);
	atomic_store_explicit(&entry->operations, operations + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&entry->last_progress_ns, now_ns,
			      memory_order_relaxed);
}

/* bc_peers_set_release - the bytes before it are needed by no send. */
static inline void bc_peers_set_release(struct bc_peer_shm *entry,
					uint64_t release)
{
	atomic_store_explicit(&entry->release, release, memory_order_relaxed);
}

/* bc_peers_add - add to one of an entry's counters. */
static inline void bc_peers_add(bc_u64 *counter, uint64_t amount)
{
	atomic_store_explicit(
		counter,
		atomic_load_explicit(counter, memory_order_relaxed) + amount,
		memory_order_relaxed);
}

/* bc_peers_max - raise an entry's maximum. */
static inline void bc_peers_max(bc_u64 *maximum, uint64_t value)
{
	if (value > atomic_load_explicit(maximum, memory_order_relaxed))
		atomic_store_explicit(maximum, value, memory_order_relaxed);
}

#endif
