/* SPDX-License-Identifier: MIT */
/* echo_queue.c - see echo_queue.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/assert.h"
#include "src/echo_queue.h"

struct echo_chunk {
	struct echo_chunk *next;
	uint32_t from; /* bytes before it have gone */
	uint32_t to;
	unsigned char bytes[ECHO_CHUNK_BYTES];
};

/* ---- Chunks ------------------------------------------------------------ */

static struct echo_chunk *take(struct echo_store *store)
{
	struct echo_chunk *chunk = store->free;

	if (chunk) {
		store->free = chunk->next;
		store->count--;
	} else {
		chunk = malloc(sizeof(*chunk));
	}
	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->from = 0;
	chunk->to = 0;
	return chunk;
}

static void give_back(struct echo_store *store, struct echo_chunk *chunk)
{
	if (store->count == ECHO_STORED_CHUNKS) {
		free(chunk);
		return;
	}
	chunk->next = store->free;
	store->free = chunk;
	store->count++;
}

void echo_store_fini(struct echo_store *store)
{
	while (store->free) {
		struct echo_chunk *next = store->free->next;

		free(store->free);
		store->free = next;
	}
	store->count = 0;
}

/* ---- The queue --------------------------------------------------------- */

/* The last chunk, with room; NULL: no memory. */
static struct echo_chunk *room(struct echo_queue *queue,
			       struct echo_store *store)
{
	struct echo_chunk *chunk;

	if (queue->last && queue->last->to < ECHO_CHUNK_BYTES)
		return queue->last;
	chunk = take(store);
	if (!chunk)
		return NULL;
	if (queue->last)
		queue->last->next = chunk;
	else
		queue->first = chunk;
	queue->last = chunk;
	return chunk;
}

int echo_queue_add(struct echo_queue *queue, struct echo_store *store,
		   const unsigned char *bytes, size_t size)
{
	while (size > 0) {
		struct echo_chunk *chunk = room(queue, store);
		size_t part;

		if (!chunk)
			return -ENOMEM;
		part = ECHO_CHUNK_BYTES - chunk->to;
		if (part > size)
			part = size;
		memcpy(chunk->bytes + chunk->to, bytes, part);
		chunk->to += (uint32_t)part;
		queue->bytes += part;
		bytes += part;
		size -= part;
	}
	return 0;
}

size_t echo_queue_peek(const struct echo_queue *queue,
		       const unsigned char **bytes)
{
	const struct echo_chunk *chunk = queue->first;

	if (!chunk)
		return 0;
	*bytes = chunk->bytes + chunk->from;
	return chunk->to - chunk->from;
}

void echo_queue_drop(struct echo_queue *queue, struct echo_store *store,
		     size_t size)
{
	struct echo_chunk *chunk = queue->first;

	if (size == 0)
		return;
	BC_ASSERT(chunk);
	BC_ASSERT(size <= chunk->to - chunk->from);
	chunk->from += (uint32_t)size;
	queue->bytes -= size;
	if (chunk->from < chunk->to)
		return;
	queue->first = chunk->next;
	if (!queue->first)
		queue->last = NULL;
	give_back(store, chunk);
}

void echo_queue_clear(struct echo_queue *queue, struct echo_store *store)
{
	while (queue->first) {
		struct echo_chunk *next = queue->first->next;

		give_back(store, queue->first);
		queue->first = next;
	}
	*queue = (struct echo_queue){0};
}
