/* SPDX-License-Identifier: MIT */
/*
 * segment_adopt.c - go on with the segment of an owner that died. See
 * segment.h.
 *
 * kill -9 on any line. The lock comes first of all writes, and the kernel
 * drops it with us: an object is never left owned by nobody. The identity, the
 * head and the ring are not touched. All that is written is either a statement
 * about the new owner, overwritten whole by the next one, or the clearing of
 * something half done, which can be done any number of times. So whatever line
 * we die on, the next daemon finds what it can adopt in the same way. The
 * incarnation is stored after the lock on its byte is held; dying in between
 * makes the next one use the same byte.
 *
 * What readers see. From the lock on the owner is alive; nothing they use
 * becomes invalid for an instant. What the dead one had published without
 * waking anybody is announced by the first change of the state.
 *
 * RESERVED BEYOND TAIL. The dead one has reserved up to R and published up to
 * T <= R. What it wrote after its last publication stands in [T, R) only, so
 * it destroyed nothing but old bytes in [T - capacity, R - capacity), which
 * its readers already may not use: R is never lowered. We begin to write at T,
 * after a reserve of our own: below R nothing new is announced, and nothing
 * new is destroyed either; beyond R, reserved grows first, as ever. Bytes in
 * [T, R) that the dead one had received are overwritten, and since tail never
 * was beyond T nobody has read them. The kernel does not write there any more:
 * a receive writes through the mapping that the dead one gave it, and the lock
 * which we have seen to be gone is held by those mappings to the last.
 *
 * Not adopted: a ring whose bytes the kernel may still send from (zerocopy
 * owed), since they must not be overwritten and nobody is left to be told when
 * they may; and whatever is not exactly as we would make it. Rejected: mapping
 * the object before it is judged. It is read with pread(), which cannot fault.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/counters.h"
#include "shm/facts.h"
#include "shm/mapping.h"
#include "shm/name.h"
#include "shm/notify.h"
#include "shm/object.h"
#include "shm/peers.h"
#include "shm/segment.h"
#include "shm/segment_build.h"
#include "shm/segment_check.h"
#include "shm/segment_map.h"
#include "shm/text.h"

#define BLOCK_BYTES	 512u /* unit of st_blocks */
#define OTHERS_MAY_WRITE 0022u
#define INCARNATION_MAX	 (UINT32_MAX - 1)
#define NEVER_COMPLETED	 "its daemon died while it made it"

/* ---- Judge: NULL, or why it cannot be adopted -------------------------- */

/* What must hold before the content is worth a look. */
static const char *judge_object(const struct stat *status,
				const struct bc_segment_config *config)
{
	if (!S_ISREG(status->st_mode))
		return "it is not a regular file";
	if (status->st_uid != geteuid())
		return "it belongs to another user";
	/* a link to another stream's object would be written through */
	if (status->st_nlink != 1)
		return "it has more than one name";
	if ((status->st_mode & OTHERS_MAY_WRITE & ~config->mode) != 0)
		return "others than its owner could write to it";
	return NULL;
}

static const char *judge_pages(const struct stat *status, uint64_t size)
{
	if ((uint64_t)status->st_size != size)
		return "it was made longer";
	if ((uint64_t)status->st_blocks * BLOCK_BYTES < size)
		return "some of its pages are missing";
	return NULL;
}

static const char *judge_plan(const struct bc_control_shm *block,
			      const struct bc_segment_config *config)
{
	struct bc_segment_plan plan = bc_segment_make_plan(config);
	const struct bc_identity_shm *identity = &block->identity;

	if (strncmp(identity->name, config->name, sizeof(identity->name)) != 0)
		return "it is another stream's";
	if (identity->epoch == 0)
		return "it has no epoch";
	if (identity->capacity != config->capacity)
		return "the ring size is another now";
	if (identity->format != config->format)
		return "the stream format is another now";
	if (identity->ring_offset != plan.ring_offset ||
	    identity->segment_size != plan.segment_size ||
	    identity->region_count != plan.region_count ||
	    memcmp(block->regions, plan.regions, sizeof(plan.regions)) != 0)
		return "the size of a table (--max-receivers) is another now";
	return NULL;
}

static const char *judge_owner(const struct bc_owner_shm *owner)
{
	uint32_t state =
		atomic_load_explicit(&owner->state, memory_order_relaxed);
	uint32_t incarnation =
		atomic_load_explicit(&owner->incarnation, memory_order_relaxed);

	if (state == BC_STATE_CLOSED)
		return "its stream has ended";
	if (state < BC_STATE_STARTING || state > BC_STATE_CLOSED)
		return "its state is none that there is";
	/* the bytes to be locked end with the 32-bit numbers */
	if (incarnation == 0 || incarnation >= INCARNATION_MAX)
		return "its incarnation cannot be";
	if (atomic_load_explicit(&owner->zerocopy_owed, memory_order_relaxed))
		return "zero-copy sends were outstanding";
	return NULL;
}

static const char *judge_head(const struct bc_head_shm *head, uint64_t capacity)
{
	uint64_t tail = atomic_load_explicit(&head->tail, memory_order_relaxed);
	uint64_t reserved =
		atomic_load_explicit(&head->reserved, memory_order_relaxed);

	if (reserved < tail || reserved - tail > capacity ||
	    reserved > INT64_MAX)
		return "its positions cannot be";
	return NULL;
}

static const char *judge_content(int fd, const struct stat *status,
				 const struct bc_segment_config *config,
				 uint32_t *incarnation)
{
	struct bc_control_shm block;
	struct bc_geometry geometry;
	const char *reason;
	int ret;

	if (status->st_size == 0)
		return NEVER_COMPLETED;
	if (pread(fd, &block, sizeof(block), 0) != sizeof(block))
		return bcast_strerror(BCAST_ETOOSMALL);
	ret = bc_segment_check(&block, (uint64_t)status->st_size, &geometry);
	if (ret < 0)
		return ret == BCAST_ENOTREADY ? NEVER_COMPLETED
					      : bcast_strerror(ret);
	reason = judge_plan(&block, config);
	if (!reason)
		reason = judge_owner(&block.owner);
	if (!reason)
		reason = judge_head(&block.head, geometry.capacity);
	if (!reason)
		reason = judge_pages(status, geometry.segment_size);
	*incarnation = atomic_load_explicit(&block.owner.incarnation,
					    memory_order_relaxed);
	return reason;
}

/* ---- Take -------------------------------------------------------------- */

static int map(struct bc_segment *segment,
	       const struct bc_segment_config *config)
{
	struct bc_segment_plan plan = bc_segment_make_plan(config);
	struct bc_geometry geometry =
		bc_segment_plan_geometry(&plan, config->capacity);
	int ret = bc_segment_map(segment, &geometry, BC_VIEW_ALL);

	if (ret == 0)
		ret = bc_mapping_populate(segment->control,
					  segment->control_size);
	if (ret == 0)
		ret = bc_mapping_populate(segment->ring.base,
					  2 * config->capacity);
	return ret;
}

/*
 * What the dead daemon wanted of local publishers holds no longer. The lease
 * itself is a lock: the dead one's is free, and a living publisher's stays.
 */
static void reset_lease(struct bc_lease_shm *lease)
{
	uint64_t holder =
		atomic_load_explicit(&lease->holder, memory_order_relaxed);

	/* by swapping: a publisher may have taken it this instant */
	if (holder >> 56 == BC_LEASE_DAEMON >> 56)
		(void)atomic_compare_exchange_strong_explicit(
			&lease->holder, &holder, 0, memory_order_acq_rel,
			memory_order_relaxed);
	atomic_store_explicit(&lease->daemon_sleeps, 0, memory_order_relaxed);
	/* nobody is being sent to yet */
	atomic_store_explicit(&lease->limit, UINT64_MAX, memory_order_release);
	atomic_fetch_add_explicit(&lease->room, 1, memory_order_release);
	(void)bc_notify_wake(&lease->room);
	/* the dead one may not have come to the wake */
	atomic_fetch_add_explicit(&lease->wanted, 1, memory_order_release);
	(void)bc_notify_wake(&lease->wanted);
}

/* An error that was being written down is lost; the others are evidence. */
static void clear_half_written(const struct bc_region *region)
{
	struct bc_error_shm *errors =
		(struct bc_error_shm *)(void *)region->base;

	for (uint32_t i = 0; i < region->count; i++) {
		struct bc_error_shm *error = &errors[i];

		if (atomic_load_explicit(&error->sequence,
					 memory_order_relaxed) %
			    2 ==
		    0)
			continue;
		bc_text_begin(&error->sequence);
		bc_text_set(error->event, sizeof(error->event), "");
		bc_text_set(error->text, sizeof(error->text), "");
		bc_text_end(&error->sequence);
	}
}

static void tidy(struct bc_segment *segment,
		 const struct bc_segment_config *config, uint32_t incarnation)
{
	struct bc_control_shm *control = segment->control;

	bc_segment_fill_owner(&control->owner, config, incarnation);
	/* wakes those who slept through the dead one's last publication */
	bc_segment_set_state(segment, BC_STATE_STARTING);
	bc_peers_adopt(segment);
	bc_facts_clear(segment);
	bc_counters_adopt((struct bc_counter_shm *)(void *)segment
				  ->regions[BC_REGION_COUNTERS]
				  .base);
	clear_half_written(&segment->regions[BC_REGION_ERRORS]);
	reset_lease(&control->lease);
}

/* fd is open; on any result but 0 the caller closes it. */
static int adopt(struct bc_segment *segment,
		 const struct bc_segment_config *config, const char **reason)
{
	uint32_t incarnation = 0;
	struct stat status;
	int ret;

	if (fstat(segment->fd, &status) < 0)
		return -errno;
	*reason = judge_object(&status, config);
	if (*reason)
		return 1;
	ret = bc_segment_fd_is_owned(segment->fd);
	if (ret != 0)
		return ret < 0 ? ret : BCAST_EOWNED;
	*reason = judge_content(segment->fd, &status, config, &incarnation);
	if (*reason)
		return 1;
	ret = bc_segment_lock_owner(segment->fd, incarnation + 1);
	if (ret == BCAST_EOWNED) {
		/* no owner, as we have seen: so a read lock, by a reader */
		*reason = "a reader has a lock on the owner's byte";
		return 1;
	}
	if (ret == 0)
		ret = bc_object_allocate(segment->fd, 0,
					 bc_segment_size(config));
	if (ret == 0)
		ret = bc_object_set_permissions(segment->fd, config->mode,
						config->group);
	if (ret == 0)
		ret = map(segment, config);
	if (ret < 0)
		return ret;
	tidy(segment, config, incarnation + 1);
	return 0;
}

int bc_segment_adopt(struct bc_segment *segment,
		     const struct bc_segment_config *config,
		     const char **reason)
{
	struct bc_segment adopted = {.fd = -1, .writable = true};
	char object[BC_NAME_OBJECT_MAX];
	int ret = bc_segment_check_config(config);

	if (ret < 0)
		return ret;
	ret = bc_name_object(object, sizeof(object), config->name, "");
	if (ret < 0)
		return ret;
	adopted.fd = bc_object_open(object, O_RDWR);
	if (adopted.fd < 0)
		return adopted.fd;
	bc_text_set(adopted.name, sizeof(adopted.name), config->name);
	ret = adopt(&adopted, config, reason);
	if (ret != 0) {
		bc_segment_close(&adopted);
		return ret;
	}
	*segment = adopted;
	return 0;
}
