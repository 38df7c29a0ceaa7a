/* SPDX-License-Identifier: MIT */
/*
 * segment.c - create and retire: the owner's side of segment.h.
 *
 * Creation goes from private to public in one line, so that kill -9 on any
 * line leaves either nothing that others can open, or something whole:
 *
 *	1. open, O_EXCL, mode 0600	nobody else can open it
 *	2. lock the owner's byte	from now on "owner alive" is true
 *	3. map, allocate all pages	ENOSPC here, never SIGBUS later
 *	4. fill everything but magic	readers of our own user: NOTREADY
 *	5. store magic (release)
 *	6. open the permissions		now others can attach
 *
 * Rejected: building under a temporary name and renaming, since shm_open has
 * no rename and /dev/shm should not be assumed to be a path.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/counters.h"
#include "shm/errors.h"
#include "shm/facts.h"
#include "shm/mapping.h"
#include "shm/name.h"
#include "shm/notify.h"
#include "shm/object.h"
#include "shm/peers.h"
#include "shm/process.h"
#include "shm/record_index.h"
#include "shm/segment.h"
#include "shm/segment_build.h"
#include "shm/segment_check.h"
#include "shm/segment_map.h"
#include "shm/text.h"

/* ---- Where everything goes --------------------------------------------- */

static void plan_region(struct bc_segment_plan *plan, enum bc_region_id id,
			uint64_t entry_count)
{
	struct bc_region_shm *region = &plan->regions[plan->region_count++];

	region->id = id;
	region->entry_size = bc_segment_entry_size(id);
	region->entry_count = entry_count;
	region->offset = plan->ring_offset;
	plan->ring_offset += entry_count * region->entry_size;
	plan->ring_offset =
		(plan->ring_offset + BC_LINE - 1) & ~(uint64_t)(BC_LINE - 1);
}

struct bc_segment_plan bc_segment_make_plan(
	const struct bc_segment_config *config)
{
	struct bc_segment_plan plan = {.ring_offset = BC_PAGE};

	plan_region(&plan, BC_REGION_FACTS, BC_FACT_SLOTS);
	plan_region(&plan, BC_REGION_COUNTERS, BC_COUNTER_SLOTS);
	plan_region(&plan, BC_REGION_ERRORS, BC_ERROR_SLOTS);
	plan_region(&plan, BC_REGION_CLOSED, BC_CLOSED_SLOTS);
	plan_region(&plan, BC_REGION_PEERS, config->peer_slots);
	plan_region(&plan, BC_REGION_INDEX, config->index_entries);
	plan_region(&plan, BC_REGION_PUBLISHERS,
		    config->format == BCAST_FORMAT_PACKET ? BC_PUBLISHER_SLOTS
							  : 0);
	plan.ring_offset = (plan.ring_offset + BC_HUGE - 1) & ~(BC_HUGE - 1);
	plan.segment_size = plan.ring_offset + config->capacity;
	return plan;
}

uint64_t bc_segment_size(const struct bc_segment_config *config)
{
	return bc_segment_make_plan(config).segment_size;
}

struct bc_geometry bc_segment_plan_geometry(const struct bc_segment_plan *plan,
					    uint64_t capacity)
{
	struct bc_geometry geometry = {
		.capacity = capacity,
		.ring_offset = plan->ring_offset,
		.segment_size = plan->segment_size,
	};

	for (uint32_t i = 0; i < plan->region_count; i++) {
		const struct bc_region_shm *region = &plan->regions[i];

		geometry.regions[region->id].offset = region->offset;
		geometry.regions[region->id].count =
			(uint32_t)region->entry_count;
	}
	return geometry;
}

/* ---- Create ------------------------------------------------------------ */

int bc_segment_check_config(const struct bc_segment_config *config)
{
	uint64_t capacity = config->capacity;

	if (!bc_name_valid(config->name))
		return BCAST_ENAME;
	if (capacity < BCAST_RING_MIN || capacity > BCAST_RING_MAX ||
	    (capacity & (capacity - 1)) != 0 || config->peer_slots == 0)
		return -EINVAL;
	return 0;
}

int bc_segment_lock_owner(int fd, uint32_t incarnation)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)(BC_OWNER_LOCK_BASE + incarnation),
		.l_len = 1,
	};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? BCAST_EOWNED : -errno;
}

static uint64_t draw_epoch(void)
{
	uint64_t epoch = 0;

	while (epoch == 0)
		if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
			epoch = bc_realtime_ns() ^ bc_monotonic_ns() << 32;
	return epoch;
}

void bc_segment_fill_owner(struct bc_owner_shm *owner,
			   const struct bc_segment_config *config,
			   uint32_t incarnation)
{
	owner->state = BC_STATE_STARTING;
	owner->incarnation = incarnation;
	owner->pid = (uint32_t)getpid();
	owner->start_ticks = bc_process_start_ticks();
	owner->pid_namespace = bc_process_pid_namespace();
	owner->heartbeat_ns = bc_monotonic_ns();
	owner->started_realtime_ns = bc_realtime_ns();
	owner->ended_realtime_ns = 0;
	owner->lock_offset = BC_OWNER_LOCK_BASE + incarnation;
	owner->end_reason = 0;
	owner->max_receivers = config->max_receivers;
}

/* The pages are new, so zero; everything but magic. */
static void fill(struct bc_segment *segment, const struct bc_segment_plan *plan,
		 const struct bc_segment_config *config)
{
	struct bc_control_shm *control = segment->control;
	struct bc_identity_shm *identity = &control->identity;

	identity->layout_version = BC_LAYOUT_VERSION;
	identity->layout_id = bc_layout_id();
	identity->epoch = draw_epoch();
	identity->capacity = config->capacity;
	identity->ring_offset = plan->ring_offset;
	identity->segment_size = plan->segment_size;
	identity->created_realtime_ns = bc_realtime_ns();
	identity->format = config->format;
	identity->region_count = plan->region_count;
	bc_text_set(identity->name, sizeof(identity->name), config->name);
	memcpy(control->regions, plan->regions, sizeof(plan->regions));
	bc_segment_fill_owner(&control->owner, config, 1);
	control->lease.limit = UINT64_MAX;
	control->head.sequence_before = 1;
	control->head.sequence_after = 1;
	control->index_head.step = bc_record_index_step(config->capacity);
	bc_counters_describe((struct bc_counter_shm *)(void *)segment
				     ->regions[BC_REGION_COUNTERS]
				     .base);
}

/*
 * The ring is touched before it is allocated, where it fits: with the mount
 * option huge=advise only a fault in a mapping that asks for huge pages gets
 * them, and allocation alone gets small ones. What the first touching could not
 * do the allocation says: it has the better error.
 */
static int give_pages(struct bc_segment *segment, uint64_t size)
{
	uint64_t total_bytes = 0, free_bytes = 0;
	uint64_t ring_bytes = segment->ring.capacity;
	int ret;

	bc_mapping_want_huge(segment->ring.base, ring_bytes);
	(void)bc_segment_space(&total_bytes, &free_bytes);
	if (total_bytes == 0 || free_bytes >= size) /* 0: no limit */
		(void)bc_mapping_populate(segment->ring.base, ring_bytes);
	ret = bc_object_allocate(segment->fd, 0, size);
	if (ret == 0)
		ret = bc_mapping_populate(segment->control,
					  segment->control_size);
	if (ret == 0)
		ret = bc_mapping_populate(segment->ring.base, 2 * ring_bytes);
	return ret;
}

/* Steps 2 to 6, on an object that is ours alone. */
static int build(struct bc_segment *segment,
		 const struct bc_segment_config *config)
{
	struct bc_segment_plan plan = bc_segment_make_plan(config);
	struct bc_geometry geometry =
		bc_segment_plan_geometry(&plan, config->capacity);
	int ret;

	ret = bc_segment_lock_owner(segment->fd, 1);
	if (ret == 0 && ftruncate(segment->fd, (off_t)plan.segment_size) < 0)
		ret = -errno;
	if (ret == 0)
		ret = bc_segment_map(segment, &geometry, BC_VIEW_ALL);
	if (ret == 0)
		ret = give_pages(segment, plan.segment_size);
	if (ret < 0)
		return ret;
	fill(segment, &plan, config);
	/* pairs with the acquire load in bc_segment_check() */
	atomic_store_explicit(&segment->control->identity.magic, BC_MAGIC,
			      memory_order_release);
	return bc_object_set_permissions(segment->fd, config->mode,
					 config->group);
}

int bc_segment_create(struct bc_segment *segment,
		      const struct bc_segment_config *config)
{
	struct bc_segment made = {.fd = -1, .writable = true};
	char object[BC_NAME_OBJECT_MAX];
	int ret = bc_segment_check_config(config);

	if (ret < 0)
		return ret;
	ret = bc_name_object(object, sizeof(object), config->name, "");
	if (ret < 0)
		return ret;
	made.fd = shm_open(object, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (made.fd < 0)
		return -errno;
	bc_text_set(made.name, sizeof(made.name), config->name);
	ret = build(&made, config);
	if (ret < 0) {
		(void)shm_unlink(object);
		bc_segment_close(&made);
		return ret;
	}
	*segment = made;
	return 0;
}

/* ---- Retire ------------------------------------------------------------ */

/*
 * Tell those who still read a dead owner's segment that it is over. Only if
 * its control block is sound; else there is nobody who could have attached.
 * And only if it is our user's: a stranger could truncate it while we write,
 * which is SIGBUS. Readers of such a one find its owner dead by themselves.
 */
static void announce_end(int fd, const struct stat *status)
{
	struct bc_segment old = {.fd = fd, .writable = true};
	uint64_t object_size = (uint64_t)status->st_size;
	struct bc_geometry geometry;

	if (!S_ISREG(status->st_mode) || status->st_uid != geteuid() ||
	    object_size < BC_PAGE)
		return;
	old.control_size = BC_PAGE;
	old.control =
		mmap(NULL, BC_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (old.control == MAP_FAILED)
		return;
	if (bc_segment_check(old.control, object_size, &geometry) == 0 &&
	    bc_segment_state(&old) != BC_STATE_CLOSED)
		bc_segment_set_state(&old, BC_STATE_CLOSED);
	(void)munmap(old.control, BC_PAGE);
}

int bc_segment_retire(const char *name)
{
	char object[BC_NAME_OBJECT_MAX];
	struct stat status;
	int fd, ret;

	ret = bc_name_object(object, sizeof(object), name, "");
	if (ret < 0)
		return ret;
	fd = bc_object_open(object, O_RDWR);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	ret = fstat(fd, &status) < 0 ? -errno : 0;
	if (ret == 0)
		ret = bc_segment_fd_is_owned(fd);
	if (ret == 1)
		ret = BCAST_EOWNED;
	if (ret == 0) {
		announce_end(fd, &status);
		ret = shm_unlink(object) < 0 ? -errno : 1;
	}
	(void)close(fd);
	return ret;
}

int bc_segment_unlink(const struct bc_segment *segment)
{
	char object[BC_NAME_OBJECT_MAX];
	int ret = bc_name_object(object, sizeof(object), segment->name, "");

	if (ret < 0)
		return ret;
	return shm_unlink(object) < 0 ? -errno : 0;
}

/* ---- The owner's words ------------------------------------------------- */

void bc_segment_set_state(struct bc_segment *segment, enum bc_state state)
{
	struct bc_control_shm *control = segment->control;

	if (state == BC_STATE_CLOSED)
		atomic_store_explicit(&control->owner.ended_realtime_ns,
				      bc_realtime_ns(), memory_order_relaxed);
	/* pairs with the acquire load in bc_segment_state() */
	atomic_store_explicit(&control->owner.state, state,
			      memory_order_release);
	atomic_fetch_add_explicit(&control->head.publish_count, 1,
				  memory_order_release);
	(void)bc_notify_wake(&control->head.publish_count);
}

void bc_segment_beat(struct bc_segment *segment, uint64_t now_ns)
{
	atomic_store_explicit(&segment->control->owner.heartbeat_ns, now_ns,
			      memory_order_relaxed);
}

int bc_segment_space(uint64_t *total_bytes, uint64_t *free_bytes)
{
	struct statvfs space;

	if (statvfs("/dev/shm", &space) < 0)
		return -errno;
	*total_bytes = (uint64_t)space.f_blocks * space.f_frsize;
	*free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
	return 0;
}
