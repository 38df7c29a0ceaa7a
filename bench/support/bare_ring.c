/* SPDX-License-Identifier: MIT */
/* bare_ring.c - see bare_ring.h. */
#include "bare_ring.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static void *shared_pages(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

/* The same pages twice, one behind the other. */
static uint8_t *map_twice(int fd, size_t size)
{
	const int protection = PROT_READ | PROT_WRITE;
	const int flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
	uint8_t *room = mmap(NULL, 2 * size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED)
		return NULL;
	for (size_t at = 0; at < 2 * size; at += size) {
		if (mmap(room + at, size, protection, flags, fd, 0) ==
		    MAP_FAILED) {
			(void)munmap(room, 2 * size);
			return NULL;
		}
	}
	return room;
}

int bare_ring_create(struct bare_ring *ring, uint64_t capacity,
		     unsigned readers)
{
	int fd = memfd_create("bench-bare-ring", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ring = (struct bare_ring){.capacity = capacity, .readers = readers};
	if (ftruncate(fd, (off_t)capacity) == 0)
		ring->bytes = map_twice(fd, capacity);
	(void)close(fd);
	if (ring->bytes == NULL)
		return -ENOMEM;
	ring->shared = shared_pages(sizeof(*ring->shared));
	if (ring->shared == MAP_FAILED) {
		(void)munmap(ring->bytes, 2 * capacity);
		return -ENOMEM;
	}
	return 0;
}

void bare_ring_destroy(struct bare_ring *ring)
{
	(void)munmap(ring->bytes, 2 * ring->capacity);
	(void)munmap(ring->shared, sizeof(*ring->shared));
}

uint64_t bare_ring_floor(const struct bare_ring *ring)
{
	uint64_t floor = UINT64_MAX;

	for (unsigned i = 0; i < ring->readers; i++) {
		/* with bare_reader_release() */
		const uint64_t tail = atomic_load_explicit(
			&ring->shared->readers[i].tail, memory_order_acquire);

		if (tail < floor)
			floor = tail;
	}
	return floor;
}
