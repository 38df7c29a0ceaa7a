/* SPDX-License-Identifier: MIT */
/*
 * echo_queue.h - bytes that an echo client is owed, first in, first out.
 *
 * In chunks, so that what is being sent stays where it is while more comes
 * behind it. An empty queue holds no memory: that is what ten thousand clients
 * that take what they get have. Chunks that were used go to a store, which all
 * queues share, so that in the long run nothing is allocated; the store keeps
 * a bounded number.
 */
#ifndef SRC_ECHO_QUEUE_H
#define SRC_ECHO_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#define ECHO_CHUNK_BYTES   65536u
#define ECHO_STORED_CHUNKS 64u

struct echo_chunk;

struct echo_store {
	struct echo_chunk *free;
	uint32_t count;
};

struct echo_queue {
	struct echo_chunk *first;
	struct echo_chunk *last;
	uint64_t bytes;
};

/* echo_store_fini - free what it keeps. Safe on a zeroed one. */
void echo_store_fini(struct echo_store *store);

/* echo_queue_add - copy bytes to the end. Returns 0; -ENOMEM: some, or none. */
int echo_queue_add(struct echo_queue *queue, struct echo_store *store,
		   const unsigned char *bytes, size_t size);

/*
 * echo_queue_peek - the first bytes, in one piece: sets *bytes, returns how
 * many; 0 if there are none. They stay there until they are dropped.
 */
size_t echo_queue_peek(const struct echo_queue *queue,
		       const unsigned char **bytes);

/* echo_queue_drop - the first `size` bytes, of those last peeked at. */
void echo_queue_drop(struct echo_queue *queue, struct echo_store *store,
		     size_t size);

/* echo_queue_clear - all of them. */
void echo_queue_clear(struct echo_queue *queue, struct echo_store *store);

#endif
