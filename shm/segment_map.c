/* SPDX-License-Identifier: MIT */
/* segment_map.c - attach, and what it shares with creation. See segment.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/mapping.h"
#include "shm/name.h"
#include "shm/object.h"
#include "shm/segment_check.h"
#include "shm/segment_map.h"

/* Owner bytes stand at BC_OWNER_LOCK_BASE + incarnation, a 32-bit number. */
#define OWNER_LOCK_SPAN (INT64_C(1) << 32)

int bc_segment_fd_is_owned(int fd)
{
	struct flock lock = {
		/* conflicts with the owner's write lock, not with readers' */
		.l_type = F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)BC_OWNER_LOCK_BASE,
		.l_len = OWNER_LOCK_SPAN,
	};

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type != F_UNLCK;
}

int bc_segment_owner_alive(const struct bc_segment *segment)
{
	return bc_segment_fd_is_owned(segment->fd);
}

int bc_segment_is_named(const struct bc_segment *segment)
{
	char object[BC_NAME_OBJECT_MAX];
	int ret = bc_name_object(object, sizeof(object), segment->name, "");

	return ret < 0 ? ret : bc_object_is_named(segment->fd, object);
}

int bc_segment_rights(const struct bc_segment *segment,
		      struct bc_segment_rights *rights)
{
	struct stat status;

	if (fstat(segment->fd, &status) < 0)
		return -errno;
	*rights = (struct bc_segment_rights){
		.owner = status.st_uid,
		.group = status.st_gid,
		.mode = status.st_mode & 07777,
	};
	return 0;
}

uint32_t bc_segment_state(const struct bc_segment *segment)
{
	/* pairs with the release store in bc_segment_set_state() */
	return atomic_load_explicit(&segment->control->owner.state,
				    memory_order_acquire);
}

int bc_segment_map(struct bc_segment *segment,
		   const struct bc_geometry *geometry,
		   enum bc_segment_view view)
{
	int protection = PROT_READ | (segment->writable ? PROT_WRITE : 0);
	unsigned char *control;

	control = mmap(NULL, geometry->ring_offset, protection, MAP_SHARED,
		       segment->fd, 0);
	if (control == MAP_FAILED)
		return -errno;
	segment->control = (struct bc_control_shm *)(void *)control;
	segment->control_size = geometry->ring_offset;
	segment->segment_size = geometry->segment_size;
	for (uint32_t id = 0; id < BC_REGION_MAX; id++) {
		if (geometry->regions[id].offset == 0)
			continue;
		segment->regions[id].base =
			control + geometry->regions[id].offset;
		segment->regions[id].count = geometry->regions[id].count;
	}
	segment->ring.head = &segment->control->head;
	segment->ring.capacity = geometry->capacity;
	if (view == BC_VIEW_CONTROL)
		return 0;
	return bc_mapping_mirror(&segment->ring.base, segment->fd,
				 geometry->ring_offset, geometry->capacity,
				 segment->writable);
}

/* Check through a mapping of the first page alone, then map by the result. */
static int check_and_map(struct bc_segment *segment, enum bc_segment_view view)
{
	struct bc_geometry geometry;
	struct stat status;
	void *page;
	int ret;

	if (fstat(segment->fd, &status) < 0)
		return -errno;
	/* what anybody can write to, anybody can have truncated any time */
	if (!S_ISREG(status.st_mode) || (status.st_mode & S_IWOTH) != 0)
		return BCAST_EFOREIGN;
	if (status.st_size == 0)
		return BCAST_ENOTREADY;
	if (status.st_size < (off_t)BC_PAGE)
		return BCAST_ETOOSMALL;
	page = mmap(NULL, BC_PAGE, PROT_READ, MAP_SHARED, segment->fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	ret = bc_segment_check(page, (uint64_t)status.st_size, &geometry);
	(void)munmap(page, BC_PAGE);
	if (ret < 0)
		return ret;
	return bc_segment_map(segment, &geometry, view);
}

int bc_segment_attach(struct bc_segment *segment, const char *name,
		      enum bc_segment_view view)
{
	struct bc_segment attached = {
		.fd = -1,
		.writable = view == BC_VIEW_WRITE,
	};
	char object[BC_NAME_OBJECT_MAX];
	int ret = bc_name_object(object, sizeof(object), name, "");

	if (ret < 0)
		return ret;
	attached.fd =
		bc_object_open(object, attached.writable ? O_RDWR : O_RDONLY);
	if (attached.fd < 0)
		return attached.fd;
	memcpy(attached.name, name, strlen(name) + 1);
	ret = check_and_map(&attached, view);
	if (ret < 0) {
		bc_segment_close(&attached);
		return ret;
	}
	*segment = attached;
	return 0;
}

void bc_segment_close(struct bc_segment *segment)
{
	bc_mapping_unmirror(segment->ring.base, segment->ring.capacity);
	if (segment->control)
		(void)munmap(segment->control, segment->control_size);
	/* a zeroed struct has no name, and fd 0 is not its own */
	if (segment->fd >= 0 && segment->name[0] != '\0')
		(void)close(segment->fd);
	*segment = (struct bc_segment){.fd = -1};
}
