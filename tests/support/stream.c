/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/notify.h"
#include "shm/segment_map.h"

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

int test_stream_open_as(struct test_stream *stream,
			const struct bc_segment_config *config)
{
	int ret;

	*stream = (struct test_stream){
		.name = config->name, .lock.fd = -1, .segment.fd = -1};
	ret = bc_name_lock_take(&stream->lock, config->name);
	if (ret < 0)
		return ret;
	ret = bc_segment_create(&stream->segment, config);
	if (ret < 0) {
		bc_name_lock_drop(&stream->lock);
		return ret;
	}
	bc_segment_set_state(&stream->segment, BC_STATE_LIVE);
	return 0;
}

int test_stream_open(struct test_stream *stream, const char *name)
{
	const struct bc_segment_config config = test_stream_config(name);

	return test_stream_open_as(stream, &config);
}

/* Map fd, which is open for writing, as its checked control block says. */
static int map_writable(struct bc_segment *segment)
{
	struct bc_geometry geometry;
	struct stat status;
	void *page;
	int ret;

	if (fstat(segment->fd, &status) < 0)
		return -errno;
	page = mmap(NULL, BC_PAGE, PROT_READ, MAP_SHARED, segment->fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	ret = bc_segment_check(page, (uint64_t)status.st_size, &geometry);
	(void)munmap(page, BC_PAGE);
	if (ret < 0)
		return ret;
	return bc_segment_map(segment, &geometry, BC_VIEW_ALL);
}

int test_stream_adopt(struct test_stream *stream, const char *name)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_start = (off_t)(BC_OWNER_LOCK_BASE + 2),
		.l_len = 1,
	};
	char object[BC_NAME_OBJECT_MAX];
	int ret;

	*stream = (struct test_stream){.name = name,
				       .segment = {.fd = -1, .writable = true}};
	ret = bc_name_lock_take(&stream->lock, name);
	if (ret == 0)
		ret = bc_name_object(object, sizeof(object), name, "");
	if (ret < 0)
		return ret;
	(void)strncpy(stream->segment.name, name, BC_NAME - 1);
	stream->segment.fd = shm_open(object, O_RDWR, 0);
	if (stream->segment.fd < 0 ||
	    fcntl(stream->segment.fd, F_OFD_SETLK, &lock) < 0)
		return -errno;
	return map_writable(&stream->segment);
}

static bool wakes_somebody(void *word)
{
	return bc_notify_wake(word) > 0;
}

void test_stream_await_sleeper(struct test_stream *stream)
{
	test_child_check(
		test_within(DEADLINE_MS, wakes_somebody,
			    &stream->segment.ring.head->publish_count));
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
