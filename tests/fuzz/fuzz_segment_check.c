/* SPDX-License-Identifier: MIT */
/*
 * fuzz_segment_check.c - no control block, whatever it says, makes an attacher
 * look outside the object.
 *
 * The input is laid over a sound block by exclusive or, so that the fuzzer
 * need not find the magic first. Its first 8 bytes are the object's size.
 */
#include <stdlib.h>
#include <string.h>

#include "shm/segment_build.h"
#include "shm/segment_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct bc_segment_config config = {
	.name = "fuzz",
	.capacity = 1 << 20,
	.max_receivers = 16,
	.peer_slots = 32,
};

static void make_sound(struct bc_control_shm *block)
{
	struct bc_segment_plan plan = bc_segment_make_plan(&config);
	struct bc_identity_shm *identity = &block->identity;

	memset(block, 0, sizeof(*block));
	identity->layout_version = BC_LAYOUT_VERSION;
	identity->layout_id = bc_layout_id();
	identity->epoch = 1;
	identity->capacity = config.capacity;
	identity->ring_offset = plan.ring_offset;
	identity->segment_size = plan.segment_size;
	identity->region_count = plan.region_count;
	memcpy(block->regions, plan.regions, sizeof(plan.regions));
	atomic_init(&identity->magic, BC_MAGIC);
}

/* What bc_segment_map() and everybody after it relies on. */
static void must_be_inside(const struct bc_geometry *geometry,
			   uint64_t object_size)
{
	if ((geometry->capacity & (geometry->capacity - 1)) != 0 ||
	    geometry->ring_offset + geometry->capacity > object_size ||
	    geometry->ring_offset % BC_HUGE != 0)
		abort();
	for (uint32_t id = 0; id < BC_REGION_MAX; id++) {
		uint64_t offset = geometry->regions[id].offset;
		uint64_t length = (uint64_t)geometry->regions[id].count *
				  bc_segment_entry_size(id);

		if (offset != 0 && (offset < BC_PAGE ||
				    offset + length > geometry->ring_offset))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bc_control_shm block;
	unsigned char *bytes = (unsigned char *)&block;
	struct bc_geometry geometry;
	uint64_t object_size;

	if (size < sizeof(object_size))
		return 0;
	memcpy(&object_size, data, sizeof(object_size));
	data += sizeof(object_size);
	size -= sizeof(object_size);
	make_sound(&block);
	object_size ^= block.identity.segment_size;
	for (size_t i = 0; i < size && i < sizeof(block); i++)
		bytes[i] ^= data[i];
	if (bc_segment_check(&block, object_size, &geometry) == 0)
		must_be_inside(&geometry, object_size);
	return 0;
}
