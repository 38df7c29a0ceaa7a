/* SPDX-License-Identifier: MIT */
/*
 * registry_check.c - see registry_check.h. As with the segment, the header is
 * copied once and the copy is judged.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <bcast/bcast.h>

#include "shm/registry.h"
#include "shm/registry_check.h"

static int copy_header(struct bc_registry_shm *copy,
		       const struct bc_registry_shm *header)
{
	/* pairs with the release store that ends creation */
	uint64_t magic =
		atomic_load_explicit(&header->magic, memory_order_acquire);

	if (magic == 0)
		return BCAST_ENOTREADY;
	if (magic != BC_REGISTRY_MAGIC)
		return BCAST_EFOREIGN;
	/* what stands before the words that change */
	memcpy(copy, header, offsetof(struct bc_registry_shm, membership));
	atomic_thread_fence(memory_order_acquire);
	return 0;
}

static bool inbox_is_valid(uint64_t inbox_size)
{
	uint64_t bytes = inbox_size - BC_PAGE;

	return inbox_size >= 2 * BC_PAGE && bytes <= BC_INBOX_BYTES_MAX &&
	       (bytes & (bytes - 1)) == 0;
}

static int check_sizes(const struct bc_registry_shm *copy, uint64_t object_size)
{
	uint64_t slots_end;

	if (copy->node_count == 0 || copy->node_count > BC_NODES_MAX ||
	    copy->slot_size != sizeof(struct bc_node_shm) ||
	    copy->slots_offset != BC_PAGE || !inbox_is_valid(copy->inbox_size))
		return BCAST_EFOREIGN;
	slots_end = BC_PAGE + copy->node_count * (uint64_t)BC_PAGE;
	if (copy->inboxes_offset != slots_end ||
	    copy->object_size !=
		    slots_end + copy->node_count * copy->inbox_size)
		return BCAST_EFOREIGN;
	return object_size < copy->object_size ? BCAST_ETOOSMALL : 0;
}

int bc_registry_check(const struct bc_registry_shm *header,
		      uint64_t object_size,
		      struct bc_registry_geometry *geometry)
{
	struct bc_registry_shm copy;
	int ret;

	if (object_size < BC_PAGE)
		return object_size == 0 ? BCAST_ENOTREADY : BCAST_ETOOSMALL;
	ret = copy_header(&copy, header);
	if (ret < 0)
		return ret;
	if (copy.layout_version != BC_LAYOUT_VERSION)
		return BCAST_EVERSION;
	if (copy.layout_id != bc_layout_id())
		return BCAST_ELAYOUT;
	ret = check_sizes(&copy, object_size);
	if (ret < 0)
		return ret;
	*geometry = (struct bc_registry_geometry){
		.epoch = copy.epoch,
		.node_count = copy.node_count,
		.slots_offset = copy.slots_offset,
		.slots_end = copy.inboxes_offset,
		.inboxes_offset = copy.inboxes_offset,
		.inbox_size = copy.inbox_size,
	};
	return 0;
}
