/* SPDX-License-Identifier: MIT */
/* fuzz_ring.c - see fuzz_ring.h. */
#include "fuzz_ring.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/record.h"

#define HEAD_WORDS 8u
#define STEPS	   32u /* bytes of input that are steps to take */
#define GUARD	   ((size_t)1 << 16)

static struct bc_control_shm control;
static struct bc_index_shm entries[FUZZ_ENTRIES];
static unsigned char *base;

static void map_twice(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	size_t size = FUZZ_CAPACITY;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		abort();
	base = mmap(NULL, 2 * size + GUARD, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		abort();
	for (size_t i = 0; i < 2; i++)
		if (mmap(base + i * size, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			abort();
	(void)close(fd);
}

bool fuzz_ring_holds(const void *bytes, uint64_t size)
{
	const unsigned char *at = bytes;

	return at >= base && size <= 2 * FUZZ_CAPACITY &&
	       (size_t)(at - base) <= 2 * FUZZ_CAPACITY - size;
}

/* Some records of 64 bytes, half of them before the tail. */
static void make_sound(const struct bc_ring *ring)
{
	struct bc_head_shm *head = ring->head;

	memset(&control, 0, sizeof(control));
	memset(entries, 0, sizeof(entries));
	memset(base, 0, FUZZ_CAPACITY);
	control.identity.epoch = 1;
	control.identity.capacity = FUZZ_CAPACITY;
	control.identity.format = BCAST_FORMAT_PACKET;
	atomic_init(&control.owner.state, BC_STATE_LIVE);
	atomic_init(&control.lease.limit, UINT64_MAX);
	for (uint64_t i = 0; i < FUZZ_RECORDS; i++) {
		struct bcast_packet_header *header = bc_record_at(ring, i * 64);

		header->length = 20;
		header->type = BCAST_PACKET_DATA;
		header->sequence = i + 1;
	}
	atomic_init(&head->reserved, (FUZZ_RECORDS + 1) * 64);
	atomic_init(&head->tail, FUZZ_RECORDS / 2 * 64);
	atomic_init(&head->sequence_before, FUZZ_RECORDS / 2 + 1);
	atomic_init(&head->sequence_after, FUZZ_RECORDS / 2 + 1);
	atomic_init(&head->publish_rule, BC_RULE_HEADER);
	atomic_init(&entries[0].position, 5 * 64);
	atomic_init(&entries[0].sequence, 6);
}

static void lay_over(void *target, size_t target_size, const uint8_t **data,
		     size_t *size)
{
	unsigned char *bytes = target;
	size_t n = *size < target_size ? *size : target_size;

	for (size_t i = 0; i < n; i++)
		bytes[i] ^= (*data)[i];
	*data += n;
	*size -= n;
}

size_t fuzz_ring_rest(const uint8_t **data, size_t size)
{
	size_t steps = size < STEPS ? size : STEPS;

	*data += size - steps;
	return steps;
}

struct bc_segment *fuzz_ring_make(const uint8_t *data, size_t size)
{
	static struct bc_segment segment;

	if (!base)
		map_twice();
	segment = (struct bc_segment){
		.fd = -1,
		.writable = true,
		.control = &control,
		.ring = {&control.head, base, FUZZ_CAPACITY},
	};
	segment.regions[BC_REGION_INDEX].base = (void *)entries;
	segment.regions[BC_REGION_INDEX].count = FUZZ_ENTRIES;
	make_sound(&segment.ring);
	lay_over(&control.head, HEAD_WORDS * sizeof(uint64_t), &data, &size);
	lay_over(entries, sizeof(entries), &data, &size);
	lay_over(base, FUZZ_CAPACITY, &data, &size);
	return &segment;
}
