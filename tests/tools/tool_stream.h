/* SPDX-License-Identifier: MIT */
/*
 * tool_stream.h - streams for tools to look at, made by the test itself in the
 * place of a daemon. Any failure fails the test.
 */
#ifndef TESTS_TOOL_STREAM_H
#define TESTS_TOOL_STREAM_H

#include <stdint.h>

#include "shm/segment.h"

#define TOOL_STREAM_RING BCAST_RING_MIN
#define TOOL_STREAM_SEED 42

/* tool_stream_create - an empty live stream, owned by this process. */
void tool_stream_create(struct bc_segment *segment, const char *name);

/* The same of packets. */
void tool_stream_create_packets(struct bc_segment *segment, const char *name);

/* The same with a ring of `capacity` bytes and room for `peers` peers. */
void tool_stream_create_big(struct bc_segment *segment, const char *name,
			    uint64_t capacity, uint32_t peers);

/*
 * tool_stream_publish - `bytes` more bytes, of the pattern stream with
 * TOOL_STREAM_SEED, in publications of at most an eighth of the ring.
 */
void tool_stream_publish(struct bc_segment *segment, uint64_t bytes);

/*
 * tool_stream_add_nodes - a registry for `count` nodes beside it. To be removed
 * by tool_stream_remove_nodes(), which may also be called without.
 */
void tool_stream_add_nodes(const struct bc_segment *segment, const char *name,
			   uint32_t count);
void tool_stream_remove_nodes(const char *name);

/* tool_stream_destroy - close and unlink. Zeroed is none. */
void tool_stream_destroy(struct bc_segment *segment);

/*
 * tool_stream_leave_dead - a stream with `bytes` bytes published and one
 * receiver connected, whose owner has been killed. To be removed by
 * tool_stream_remove(), as any other object of that name.
 */
void tool_stream_leave_dead(const char *name, uint64_t bytes);

/* tool_stream_foreign - an object of that name with these first bytes. */
void tool_stream_foreign(const char *name, const void *bytes, uint64_t size,
			 uint64_t object_size);
void tool_stream_remove(const char *name);

#endif
