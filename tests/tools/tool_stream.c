/* SPDX-License-Identifier: MIT */
/* tool_stream.c - see tool_stream.h. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/name.h"
#include "shm/notify.h"
#include "shm/peers.h"
#include "shm/record_index.h"
#include "shm/registry.h"
#include "support.h"
#include "tool_stream.h"

static int create_as(struct bc_segment *segment, const char *name,
		     uint64_t capacity, uint32_t peers, uint32_t format)
{
	bool packets = format == BCAST_FORMAT_PACKET;
	const struct bc_segment_config config = {
		.name = name,
		.capacity = capacity,
		.format = format,
		.index_entries = packets ? BC_RECORD_INDEX_ENTRIES : 0,
		.max_receivers = 7,
		.peer_slots = peers,
		.mode = 0640,
		.group = (gid_t)-1,
	};

	int ret = bc_segment_create(segment, &config);

	if (ret == 0)
		bc_segment_set_state(segment, BC_STATE_LIVE);
	return ret;
}

static int create(struct bc_segment *segment, const char *name,
		  uint64_t capacity, uint32_t peers)
{
	return create_as(segment, name, capacity, peers, BCAST_FORMAT_RAW);
}

void tool_stream_create_packets(struct bc_segment *segment, const char *name)
{
	assert_int_equal(create_as(segment, name, TOOL_STREAM_RING, 8,
				   BCAST_FORMAT_PACKET),
			 0);
}

void tool_stream_create_big(struct bc_segment *segment, const char *name,
			    uint64_t capacity, uint32_t peers)
{
	assert_int_equal(create(segment, name, capacity, peers), 0);
}

void tool_stream_create(struct bc_segment *segment, const char *name)
{
	tool_stream_create_big(segment, name, TOOL_STREAM_RING, 8);
}

void tool_stream_publish(struct bc_segment *segment, uint64_t bytes)
{
	const struct bc_ring *ring = &segment->ring;

	while (bytes > 0) {
		uint64_t n =
			bytes < ring->capacity / 8 ? bytes : ring->capacity / 8;
		unsigned char *to = bc_ring_reserve(ring, n);

		test_pattern_fill(TOOL_STREAM_SEED, bc_ring_tail(ring), to, n);
		bc_ring_publish(ring, n, bc_monotonic_ns());
		(void)bc_notify_wake(&ring->head->publish_count);
		bytes -= n;
	}
}

void tool_stream_add_nodes(const struct bc_segment *segment, const char *name,
			   uint32_t count)
{
	const struct bc_registry_config config = {
		.name = name,
		.epoch = segment->control->identity.epoch,
		.node_count = count,
		.inbox_bytes = BC_PAGE,
		.mode = 0660,
		.group = (gid_t)-1,
	};

	assert_int_equal(bc_registry_create(&config), 0);
}

void tool_stream_remove_nodes(const char *name)
{
	(void)bc_registry_unlink(name);
}

void tool_stream_destroy(struct bc_segment *segment)
{
	if (!segment->control)
		return;
	(void)bc_segment_unlink(segment);
	bc_segment_close(segment);
	memset(segment, 0, sizeof(*segment));
}

/* In a child: own a stream until killed. A byte to `ready` says it stands. */
static void own(const char *name, uint64_t bytes, int ready)
{
	const struct bc_peer_opening opening = {
		.role = BCAST_ROLE_RECEIVER,
		.peer = "10.0.0.9:999",
		.local = "10.0.0.1:7400",
		.now_ns = bc_monotonic_ns(),
	};
	struct bc_segment segment;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* no assertion here: it would go on with the next test */
	if (create(&segment, name, TOOL_STREAM_RING, 8) < 0)
		_exit(1);
	tool_stream_publish(&segment, bytes);
	bc_peers_open(bc_peers_slot(&segment, 0), &opening);
	if (write(ready, "", 1) == 1)
		for (;;)
			(void)pause();
	_exit(1);
}

void tool_stream_leave_dead(const char *name, uint64_t bytes)
{
	int ready[2];
	pid_t child;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		own(name, bytes, ready[1]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)close(ready[0]);
}

void tool_stream_foreign(const char *name, const void *bytes, uint64_t size,
			 uint64_t object_size)
{
	char object[BC_NAME_OBJECT_MAX];
	int fd;

	assert_true(bc_name_object(object, sizeof(object), name, "") > 0);
	fd = shm_open(object, O_RDWR | O_CREAT | O_EXCL, 0640);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)object_size), 0);
	assert_int_equal(pwrite(fd, bytes, size, 0), (ssize_t)size);
	(void)close(fd);
}

void tool_stream_remove(const char *name)
{
	char object[BC_NAME_OBJECT_MAX];

	if (bc_name_object(object, sizeof(object), name, "") > 0)
		(void)shm_unlink(object);
}
