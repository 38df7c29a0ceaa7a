/* SPDX-License-Identifier: MIT */
/*
 * segment_inherit.c - see segment_inherit.h.
 *
 * That the descriptor came from the owner is not believed but asked of the
 * kernel: a stranger finds the segment locked, and whoever has the lock's own
 * description does not. No pid is compared.
 *
 * The mapping is made of the passed descriptor, not of one of our own: so the
 * lock lasts as long as anything of ours can write there (segment_adopt.c
 * relies on that of a dead owner).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/clock.h"
#include "shm/mapping.h"
#include "shm/name.h"
#include "shm/object.h"
#include "shm/process.h"
#include "shm/segment_build.h"
#include "shm/segment_check.h"
#include "shm/segment_inherit.h"
#include "shm/segment_map.h"
#include "shm/text.h"

/* 1: the lock is held, and by the description of `fd`; 0, or -errno. */
static int brings_lock(int fd, const char *object)
{
	int own = bc_object_open(object, O_RDONLY);
	int ret;

	if (own < 0)
		return own;
	ret = bc_segment_fd_is_owned(own);
	(void)close(own);
	if (ret != 1)
		return ret;
	ret = bc_segment_fd_is_owned(fd);
	return ret < 0 ? ret : ret == 0;
}

/* NULL, or why not. */
static const char *judge_block(const struct bc_control_shm *block,
			       const struct bc_geometry *geometry,
			       const struct bc_segment_config *wanted)
{
	const struct bc_identity_shm *identity = &block->identity;

	if (strncmp(identity->name, wanted->name, sizeof(identity->name)) != 0)
		return "it is another stream's";
	if (identity->capacity != wanted->capacity)
		return "--ring-size is another";
	if (identity->format != wanted->format)
		return "--format is another";
	if (geometry->regions[BC_REGION_PEERS].count < wanted->peer_slots)
		return "its table of connections is too small for these "
		       "--max-receivers, --egress-threads and --packet";
	if (atomic_load_explicit(&block->owner.state, memory_order_relaxed) !=
	    BC_STATE_LIVE)
		return "its daemon is starting or stopping";
	return NULL;
}

/* Read with pread(), which cannot fault. Returns as for inherit. */
static int judge(int fd, const struct bc_segment_config *wanted,
		 struct bc_geometry *geometry, const char **reason)
{
	struct bc_control_shm block;
	struct stat status;
	int ret;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (pread(fd, &block, sizeof(block), 0) != (ssize_t)sizeof(block)) {
		*reason = bcast_strerror(BCAST_ETOOSMALL);
		return 1;
	}
	ret = bc_segment_check(&block, (uint64_t)status.st_size, geometry);
	*reason = ret < 0 ? bcast_strerror(ret)
			  : judge_block(&block, geometry, wanted);
	return *reason ? 1 : 0;
}

static int map(struct bc_segment *segment, const struct bc_geometry *geometry)
{
	int ret = bc_segment_map(segment, geometry, BC_VIEW_ALL);

	if (ret == 0)
		ret = bc_mapping_populate(segment->control,
					  segment->control_size);
	if (ret == 0)
		ret = bc_mapping_populate(segment->ring.base,
					  2 * geometry->capacity);
	return ret;
}

int bc_segment_inherit(struct bc_segment *segment, int fd,
		       const struct bc_segment_config *wanted,
		       const char **reason)
{
	struct bc_segment made = {.fd = -1, .writable = true};
	char object[BC_NAME_OBJECT_MAX];
	struct bc_geometry geometry = {.capacity = 0};
	int ret = bc_segment_check_config(wanted);

	if (ret == 0)
		ret = bc_name_object(object, sizeof(object), wanted->name, "");
	if (ret == 0)
		ret = bc_object_is_named(fd, object);
	if (ret < 0)
		return ret;
	*reason = "its name leads to something else by now";
	if (ret == 0)
		return 1;
	ret = brings_lock(fd, object);
	*reason = "it does not come with its owner's lock";
	if (ret != 1)
		return ret < 0 ? ret : 1;
	ret = judge(fd, wanted, &geometry, reason);
	if (ret != 0)
		return ret;
	bc_text_set(made.name, sizeof(made.name), wanted->name);
	made.fd = fd;
	ret = map(&made, &geometry);
	if (ret < 0) {
		made.fd = -1; /* it is the caller's yet */
		bc_segment_close(&made);
		return ret;
	}
	*segment = made;
	return 0;
}

static void set32(bc_u32 *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static void set64(bc_u64 *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/*
 * The byte of the next incarnation is locked beside the last one's: both are
 * ours until we die. If a reader has put a lock on it, the number stays.
 */
void bc_segment_become_owner(struct bc_segment *segment, uint32_t max_receivers,
			     uint64_t closed_count)
{
	struct bc_owner_shm *owner = &segment->control->owner;
	uint32_t incarnation =
		atomic_load_explicit(&owner->incarnation, memory_order_relaxed);

	if (incarnation < UINT32_MAX - 1 &&
	    bc_segment_lock_owner(segment->fd, incarnation + 1) == 0) {
		set64(&owner->lock_offset,
		      BC_OWNER_LOCK_BASE + incarnation + 1);
		set32(&owner->incarnation, incarnation + 1);
	}
	set32(&owner->pid, (uint32_t)getpid());
	set64(&owner->start_ticks, bc_process_start_ticks());
	set64(&owner->pid_namespace, bc_process_pid_namespace());
	set64(&owner->heartbeat_ns, bc_monotonic_ns());
	set64(&owner->started_realtime_ns, bc_realtime_ns());
	set32(&owner->zerocopy_owed, 0);
	set32(&owner->max_receivers, max_receivers);
	segment->closed_count = closed_count;
}
