/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h. */
#include "stream.h"

#include "shm/clock.h"
#include "shm/notify.h"

struct bc_segment_config test_stream_config(const char *name)
{
	return (struct bc_segment_config){
		.name = name,
		.capacity = TEST_CAPACITY,
		.max_receivers = 4,
		.peer_slots = 8,
		.mode = 0640,
		.group = (gid_t)-1,
	};
}

int test_stream_open(struct test_stream *stream, const char *name)
{
	const struct bc_segment_config config = test_stream_config(name);
	int ret;

	*stream = (struct test_stream){
		.name = name, .lock.fd = -1, .segment.fd = -1};
	ret = bc_name_lock_take(&stream->lock, name);
	if (ret < 0)
		return ret;
	ret = bc_segment_create(&stream->segment, &config);
	if (ret < 0) {
		bc_name_lock_drop(&stream->lock);
		return ret;
	}
	bc_segment_set_state(&stream->segment, BC_STATE_LIVE);
	return 0;
}

void test_stream_close(struct test_stream *stream)
{
	if (stream->lock.fd < 0)
		return;
	bc_segment_set_state(&stream->segment, BC_STATE_CLOSED);
	(void)bc_segment_unlink(&stream->segment);
	bc_segment_close(&stream->segment);
	bc_name_lock_drop(&stream->lock);
}

void test_stream_write(struct test_stream *stream, uint64_t size)
{
	const struct bc_ring *ring = &stream->segment.ring;
	uint64_t tail = bc_ring_tail(ring);

	test_pattern_fill(TEST_SEED, tail, bc_ring_reserve(ring, size), size);
	bc_ring_publish(ring, size, bc_monotonic_ns());
	(void)bc_notify_wake(&ring->head->publish_count);
}

void test_stream_jump(struct test_stream *stream, uint64_t position)
{
	struct bc_head_shm *head = stream->segment.ring.head;

	atomic_store(&head->reserved, position);
	atomic_store(&head->tail, position);
}

void test_stream_erase(const char *name)
{
	test_object_unlink(name, "");
	test_object_unlink(name, ".nodes");
	test_object_unlink(name, ".lock");
}
