/* SPDX-License-Identifier: MIT */
/*
 * segment_check.c - see segment_check.h.
 *
 * Another process may change the page at any time. So the page is copied once
 * and the copy is judged; the fence behind the copy keeps the compiler from
 * going back to the page for a field that has been bounded already.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <bcast/bcast.h>

#include "shm/segment_check.h"

uint32_t bc_segment_entry_size(uint32_t region_id)
{
	switch ((enum bc_region_id)region_id) {
	case BC_REGION_FACTS:
		return sizeof(struct bc_fact_shm);
	case BC_REGION_COUNTERS:
		return sizeof(struct bc_counter_shm);
	case BC_REGION_ERRORS:
		return sizeof(struct bc_error_shm);
	case BC_REGION_CLOSED:
		return sizeof(struct bc_closed_shm);
	case BC_REGION_PEERS:
		return sizeof(struct bc_peer_shm);
	case BC_REGION_INDEX:
		return sizeof(struct bc_index_shm);
	case BC_REGION_PUBLISHERS:
		return sizeof(struct bc_publisher_shm);
	}
	return 0;
}

static int check_identity(const struct bc_identity_shm *identity)
{
	if (identity->layout_version != BC_LAYOUT_VERSION)
		return BCAST_EVERSION;
	if (identity->layout_id != bc_layout_id())
		return BCAST_ELAYOUT;
	return 0;
}

static bool capacity_is_valid(uint64_t capacity)
{
	return capacity >= BCAST_RING_MIN && capacity <= BCAST_RING_MAX &&
	       (capacity & (capacity - 1)) == 0;
}

static int check_sizes(const struct bc_identity_shm *identity,
		       uint64_t object_size, struct bc_geometry *out)
{
	out->capacity = identity->capacity;
	out->ring_offset = identity->ring_offset;
	out->segment_size = identity->segment_size;
	if (!capacity_is_valid(out->capacity))
		return BCAST_EFOREIGN;
	if (out->ring_offset == 0 || out->ring_offset % BC_HUGE != 0 ||
	    out->ring_offset > BCAST_RING_MAX)
		return BCAST_EFOREIGN;
	if (out->segment_size < out->ring_offset + out->capacity)
		return BCAST_EFOREIGN;
	if (object_size < out->segment_size)
		return BCAST_ETOOSMALL;
	return 0;
}

/* One entry of the directory. Regions of later versions are passed over. */
static int check_region(const struct bc_region_shm *region,
			struct bc_geometry *out)
{
	uint32_t id = region->id;
	uint32_t entry_size = bc_segment_entry_size(id);
	uint64_t offset = region->offset;
	uint64_t count = region->entry_count;

	if (entry_size == 0)
		return 0;
	if (region->entry_size != entry_size)
		return BCAST_ELAYOUT;
	if (offset < BC_PAGE || offset % BC_LINE != 0 ||
	    offset > out->ring_offset || count > UINT32_MAX ||
	    count * entry_size > out->ring_offset - offset)
		return BCAST_EFOREIGN;
	out->regions[id].offset = offset;
	out->regions[id].count = (uint32_t)count;
	return 0;
}

/* Take a copy of a block that is complete and says that it is ours. */
static int copy_block(struct bc_control_shm *copy,
		      const struct bc_control_shm *control)
{
	/* pairs with the release store that ends creation */
	uint64_t magic = atomic_load_explicit(&control->identity.magic,
					      memory_order_acquire);

	if (magic == 0)
		return BCAST_ENOTREADY;
	if (magic != BC_MAGIC)
		return BCAST_EFOREIGN;
	memcpy(copy, control, sizeof(*copy));
	atomic_thread_fence(memory_order_acquire);
	return 0;
}

int bc_segment_check(const struct bc_control_shm *control, uint64_t object_size,
		     struct bc_geometry *geometry)
{
	struct bc_geometry checked = {0};
	struct bc_control_shm copy;
	int ret;

	if (object_size < BC_PAGE)
		return BCAST_ETOOSMALL;
	ret = copy_block(&copy, control);
	if (ret == 0)
		ret = check_identity(&copy.identity);
	if (ret == 0)
		ret = check_sizes(&copy.identity, object_size, &checked);
	if (ret < 0)
		return ret;
	if (copy.identity.region_count > BC_REGION_MAX)
		return BCAST_EFOREIGN;
	for (uint32_t i = 0; i < copy.identity.region_count; i++) {
		ret = check_region(&copy.regions[i], &checked);
		if (ret < 0)
			return ret;
	}
	*geometry = checked;
	return 0;
}
