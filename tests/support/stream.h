/* SPDX-License-Identifier: MIT */
/*
 * stream.h - a small stream owned by the test itself: name lock, segment, and
 * the pattern as its content. For tests that may see shm/.
 */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include "support.h"

#include "shm/name_lock.h"
#include "shm/segment.h"

#define TEST_CAPACITY (UINT64_C(1) << 16)
#define TEST_SEED     UINT64_C(7)

struct test_stream {
	const char *name;
	struct bc_name_lock lock;
	struct bc_segment segment;
};

/* The configuration that test_stream_open() uses, to be changed at will. */
struct bc_segment_config test_stream_config(const char *name);

/*
 * test_stream_open - create the stream, state LIVE. Returns what creating it
 * returned, so that children can use it too.
 */
int test_stream_open(struct test_stream *stream, const char *name);

/* test_stream_open_as - the same with another configuration. */
int test_stream_open_as(struct test_stream *stream,
			const struct bc_segment_config *config);

/*
 * test_stream_adopt - what a later daemon will do: own a dead owner's stream
 * again, same bytes, same positions. Returns 0, or as for creating.
 */
int test_stream_adopt(struct test_stream *stream, const char *name);

/* test_stream_close - mark it closed, and leave nothing. Idempotent. */
void test_stream_close(struct test_stream *stream);

/*
 * test_stream_await_sleeper - until somebody sleeps on the stream (and wakes
 * it, for no reason). For children: ends the child at the deadline.
 */
void test_stream_await_sleeper(struct test_stream *stream);

/* test_stream_write - publish `size` bytes of the pattern and wake. */
void test_stream_write(struct test_stream *stream, uint64_t size);

/* test_stream_jump - let the stream have `position` bytes behind it. */
void test_stream_jump(struct test_stream *stream, uint64_t position);

/* test_stream_erase - remove what a dead child's stream has left behind. */
void test_stream_erase(const char *name);

#endif
