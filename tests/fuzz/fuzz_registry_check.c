/* SPDX-License-Identifier: MIT */
/*
 * fuzz_registry_check.c - no registry header makes anybody look outside the
 * object. As fuzz_segment_check.c: the input is laid over a sound header.
 */
#include <stdlib.h>
#include <string.h>

#include "shm/registry.h"
#include "shm/registry_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_sound(struct bc_registry_shm *header)
{
	uint64_t slots_end = BC_PAGE + (uint64_t)BC_NODES_DEFAULT * BC_PAGE;

	memset(header, 0, sizeof(*header));
	header->layout_version = BC_LAYOUT_VERSION;
	header->layout_id = bc_layout_id();
	header->epoch = 1;
	header->node_count = BC_NODES_DEFAULT;
	header->slot_size = sizeof(struct bc_node_shm);
	header->slots_offset = BC_PAGE;
	header->inboxes_offset = slots_end;
	header->inbox_size = BC_PAGE + BC_INBOX_BYTES_DEFAULT;
	header->object_size = slots_end + BC_NODES_DEFAULT * header->inbox_size;
	atomic_init(&header->magic, BC_REGISTRY_MAGIC);
}

static void must_be_inside(const struct bc_registry_geometry *geometry,
			   uint64_t object_size)
{
	uint64_t slots = geometry->node_count * (uint64_t)BC_PAGE;
	uint64_t inboxes = geometry->node_count * geometry->inbox_size;

	if (geometry->node_count == 0 || geometry->node_count > BC_NODES_MAX ||
	    geometry->slots_offset + slots > geometry->slots_end ||
	    geometry->slots_end > object_size ||
	    geometry->inboxes_offset > object_size ||
	    inboxes > object_size - geometry->inboxes_offset)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bc_registry_shm header;
	struct bc_registry_geometry geometry;
	unsigned char *bytes = (unsigned char *)&header;
	uint64_t object_size;

	if (size < sizeof(object_size))
		return 0;
	memcpy(&object_size, data, sizeof(object_size));
	data += sizeof(object_size);
	size -= sizeof(object_size);
	make_sound(&header);
	object_size ^= header.object_size;
	for (size_t i = 0; i < size && i < sizeof(header); i++)
		bytes[i] ^= data[i];
	if (bc_registry_check(&header, object_size, &geometry) == 0)
		must_be_inside(&geometry, object_size);
	return 0;
}
