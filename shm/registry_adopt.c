/* SPDX-License-Identifier: MIT */
/*
 * registry_adopt.c - keep the registry of an adopted segment. See registry.h.
 *
 * Nodes write to this object, so its content is no more to be trusted than
 * they are: the header is read with pread(), since another user of the group
 * may truncate the object at any time, and it is kept only if every word of it
 * is what we would write. Slots are not looked at: their claims are judged by
 * the locks of their nodes, dead or alive, as ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/layout.h"
#include "shm/name.h"
#include "shm/object.h"
#include "shm/registry.h"

#define BLOCK_BYTES 512u /* unit of st_blocks */

static uint64_t slots_end(const struct bc_registry_config *config)
{
	return BC_PAGE + (uint64_t)config->node_count * BC_PAGE;
}

static bool is_sound_object(const struct stat *status,
			    const struct bc_registry_config *config)
{
	uint64_t size = slots_end(config) +
			config->node_count * (BC_PAGE + config->inbox_bytes);

	return S_ISREG(status->st_mode) && status->st_uid == geteuid() &&
	       status->st_nlink == 1 && (uint64_t)status->st_size == size &&
	       (uint64_t)status->st_blocks * BLOCK_BYTES >= slots_end(config);
}

static bool is_ours(const struct bc_registry_shm *header, uint64_t size,
		    const struct bc_registry_config *config)
{
	return atomic_load_explicit(&header->magic, memory_order_acquire) ==
		       BC_REGISTRY_MAGIC &&
	       header->layout_version == BC_LAYOUT_VERSION &&
	       header->layout_id == bc_layout_id() &&
	       header->epoch == config->epoch && header->object_size == size &&
	       header->node_count == config->node_count &&
	       header->slot_size == sizeof(struct bc_node_shm) &&
	       header->slots_offset == BC_PAGE &&
	       header->inboxes_offset == slots_end(config) &&
	       header->inbox_size == BC_PAGE + config->inbox_bytes;
}

static int adopt(int fd, const struct bc_registry_config *config)
{
	struct bc_registry_shm header;
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!is_sound_object(&status, config))
		return 1;
	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    !is_ours(&header, (uint64_t)status.st_size, config))
		return 1;
	return bc_object_set_permissions(fd, config->mode, config->group);
}

int bc_registry_adopt(const struct bc_registry_config *config)
{
	char object[BC_NAME_OBJECT_MAX];
	int fd, ret;

	ret = bc_name_object(object, sizeof(object), config->name,
			     BC_NAME_SUFFIX_NODES);
	if (ret < 0)
		return ret;
	fd = bc_object_open(object, O_RDWR);
	if (fd < 0)
		return fd == -ENOENT || fd == BCAST_EFOREIGN ? 1 : fd;
	ret = adopt(fd, config);
	(void)close(fd);
	return ret;
}
