/* SPDX-License-Identifier: MIT */
/*
 * registry.c - see registry.h. Made in the same order as the segment: private,
 * allocated, filled, magic, permissions.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/layout.h"
#include "shm/name.h"
#include "shm/object.h"
#include "shm/registry.h"

static bool config_is_valid(const struct bc_registry_config *config)
{
	uint64_t bytes = config->inbox_bytes;

	return config->node_count > 0 && config->node_count <= BC_NODES_MAX &&
	       bytes >= BC_PAGE && bytes <= BC_INBOX_BYTES_MAX &&
	       (bytes & (bytes - 1)) == 0;
}

uint64_t bc_registry_size(uint32_t node_count)
{
	return BC_PAGE + (uint64_t)node_count * BC_PAGE;
}

static void fill(struct bc_registry_shm *registry,
		 const struct bc_registry_config *config, uint64_t size)
{
	registry->layout_version = BC_LAYOUT_VERSION;
	registry->layout_id = bc_layout_id();
	registry->epoch = config->epoch;
	registry->object_size = size;
	registry->node_count = config->node_count;
	registry->slot_size = sizeof(struct bc_node_shm);
	registry->slots_offset = BC_PAGE;
	registry->inboxes_offset = bc_registry_size(config->node_count);
	registry->inbox_size = BC_PAGE + config->inbox_bytes;
	/* pairs with the acquire load of whoever attaches */
	atomic_store_explicit(&registry->magic, BC_REGISTRY_MAGIC,
			      memory_order_release);
}

static int build(int fd, const struct bc_registry_config *config)
{
	uint64_t slots_end = bc_registry_size(config->node_count);
	uint64_t size = slots_end +
			config->node_count * (BC_PAGE + config->inbox_bytes);
	struct bc_registry_shm *registry;
	int ret;

	/* the whole length is only promised; header and slots are allocated */
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	ret = bc_object_allocate(fd, 0, slots_end);
	if (ret < 0)
		return ret;
	registry =
		mmap(NULL, BC_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (registry == MAP_FAILED)
		return -errno;
	fill(registry, config, size);
	(void)munmap(registry, BC_PAGE);
	return bc_object_set_permissions(fd, config->mode, config->group);
}

int bc_registry_create(const struct bc_registry_config *config)
{
	char object[BC_NAME_OBJECT_MAX];
	int fd, ret;

	if (!config_is_valid(config))
		return -EINVAL;
	ret = bc_registry_unlink(config->name);
	if (ret < 0)
		return ret;
	ret = bc_name_object(object, sizeof(object), config->name,
			     BC_NAME_SUFFIX_NODES);
	if (ret < 0)
		return ret;
	fd = shm_open(object, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -errno;
	ret = build(fd, config);
	(void)close(fd);
	if (ret < 0)
		(void)shm_unlink(object);
	return ret;
}

int bc_registry_unlink(const char *name)
{
	char object[BC_NAME_OBJECT_MAX];
	int ret = bc_name_object(object, sizeof(object), name,
				 BC_NAME_SUFFIX_NODES);

	if (ret < 0)
		return ret;
	if (shm_unlink(object) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}
