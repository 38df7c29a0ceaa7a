/* SPDX-License-Identifier: MIT */
/* node_table.c - see node_table.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/name.h"
#include "shm/node_lock.h"
#include "shm/node_table.h"
#include "shm/notify.h"
#include "shm/object.h"

#define GENERATION_MASK UINT64_C(0xffffffff)

/* The header through a mapping of its own, then header and slots. */
static int check_and_map(struct bc_node_table *table)
{
	int protection = PROT_READ | (table->writable ? PROT_WRITE : 0);
	struct stat status;
	void *page, *map;
	int ret;

	if (fstat(table->fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || (status.st_mode & S_IWOTH) != 0)
		return BCAST_EFOREIGN;
	if (status.st_size < (off_t)BC_PAGE)
		return status.st_size == 0 ? BCAST_ENOTREADY : BCAST_ETOOSMALL;
	page = mmap(NULL, BC_PAGE, PROT_READ, MAP_SHARED, table->fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	ret = bc_registry_check(page, (uint64_t)status.st_size,
				&table->geometry);
	(void)munmap(page, BC_PAGE);
	if (ret < 0)
		return ret;
	map = mmap(NULL, table->geometry.slots_end, protection, MAP_SHARED,
		   table->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	table->header = map;
	return 0;
}

/* The two objects must be of one stream and of one owner. */
static int check_pair(const struct bc_node_table *table)
{
	struct stat segment, registry;

	if (table->segment.control->identity.epoch != table->geometry.epoch)
		return BCAST_ENOTREADY;
	if (fstat(table->segment.fd, &segment) < 0 ||
	    fstat(table->fd, &registry) < 0)
		return -errno;
	return segment.st_uid == registry.st_uid ? 0 : BCAST_EFOREIGN;
}

static int open_registry(struct bc_node_table *table, const char *object,
			 bool need_write)
{
	table->fd = bc_object_open(object, O_RDWR);
	table->writable = table->fd >= 0;
	if (table->fd == -EACCES && !need_write)
		table->fd = bc_object_open(object, O_RDONLY);
	return table->fd < 0 ? table->fd : 0;
}

int bc_node_table_attach(struct bc_node_table *table, const char *name,
			 bool need_write)
{
	struct bc_node_table made = {.fd = -1, .segment.fd = -1};
	char object[BC_NAME_OBJECT_MAX];
	int ret = bc_name_object(object, sizeof(object), name,
				 BC_NAME_SUFFIX_NODES);

	if (ret < 0)
		return ret;
	ret = bc_segment_attach(&made.segment, name, BC_VIEW_CONTROL);
	if (ret < 0)
		return ret;
	ret = open_registry(&made, object, need_write);
	/* the segment is there first: its registry is yet to come */
	if (ret == -ENOENT)
		ret = BCAST_ENOTREADY;
	if (ret == 0)
		ret = check_and_map(&made);
	if (ret == 0)
		ret = check_pair(&made);
	if (ret < 0) {
		bc_node_table_detach(&made);
		return ret;
	}
	*table = made;
	return 0;
}

void bc_node_table_detach(struct bc_node_table *table)
{
	bc_segment_close(&table->segment);
	if (table->header)
		(void)munmap(table->header, table->geometry.slots_end);
	if (table->fd >= 0)
		(void)close(table->fd);
	*table = (struct bc_node_table){.fd = -1, .segment.fd = -1};
}

int bc_node_table_is_current(const struct bc_node_table *table)
{
	struct stat status;

	if (fstat(table->fd, &status) < 0)
		return -errno;
	if (status.st_nlink == 0)
		return BCAST_ECLOSED;
	if ((uint64_t)status.st_size < table->geometry.slots_end)
		return BCAST_ETOOSMALL;
	return 0;
}

struct bc_node_shm *bc_node_table_slot(const struct bc_node_table *table,
				       uint32_t index)
{
	unsigned char *base = (unsigned char *)table->header;

	return (struct bc_node_shm *)(void *)(base +
					      table->geometry.slots_offset) +
	       index;
}

uint32_t bc_node_claim_state(uint64_t claim)
{
	return (uint32_t)(claim >> 56);
}

uint64_t bc_node_claim_make(enum bc_node_state state, uint64_t generation)
{
	return (uint64_t)state << 56 | (generation & GENERATION_MASK);
}

int bc_node_table_is_alive(const struct bc_node_table *table, uint32_t index)
{
	return bc_node_lock_held(table->fd, bc_node_lock_life(index));
}

void bc_node_table_changed(const struct bc_node_table *table)
{
	atomic_fetch_add_explicit(&table->header->membership, 1,
				  memory_order_release);
	(void)bc_notify_wake(&table->header->membership);
}
