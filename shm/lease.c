/* SPDX-License-Identifier: MIT */
/*
 * lease.c - see lease.h.
 *
 * kill -9 on any line of take: the lock goes, and the next holder writes over
 * what stands in the words. Of give: either the lock is still ours and goes by
 * death, or it is free already.
 */
#include <errno.h>
#include <fcntl.h>

#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/notify.h"
#include "shm/publisher_table.h"

#define LOOK_AGAIN_NS BC_NS_PER_MS

static int lock_byte(int fd, int command, short *type)
{
	struct flock lock = {
		.l_type = *type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)BC_LEASE_LOCK,
		.l_len = 1,
	};

	if (fcntl(fd, command, &lock) < 0)
		return -errno;
	*type = lock.l_type;
	return 0;
}

uint64_t bc_lease_word(uint64_t kind, uint32_t slot, uint32_t generation)
{
	return kind | (uint64_t)(slot & 0xffffffu) << BC_LEASE_SLOT_SHIFT |
	       generation;
}

static void announce(struct bc_segment *segment)
{
	bc_u32 *count = &segment->control->head.publish_count;

	atomic_fetch_add_explicit(count, 1, memory_order_release);
	(void)bc_notify_wake(count);
}

void bc_lease_rename(struct bc_segment *segment, uint64_t word)
{
	struct bc_lease_shm *lease = &segment->control->lease;

	atomic_store_explicit(&lease->since_ns, bc_realtime_ns(),
			      memory_order_relaxed);
	atomic_fetch_add_explicit(&lease->grants, 1, memory_order_relaxed);
	atomic_store_explicit(&lease->holder, word, memory_order_release);
}

int bc_lease_take(struct bc_segment *segment, uint64_t word)
{
	short type = F_WRLCK;
	int ret = lock_byte(segment->fd, F_OFD_SETLK, &type);

	if (ret == -EAGAIN || ret == -EACCES)
		return 0;
	if (ret < 0)
		return ret;
	/* before anybody learns of it: nothing is published until then */
	bc_publisher_table_settle(segment);
	bc_lease_rename(segment, word);
	announce(segment);
	return 1;
}

void bc_lease_give(struct bc_segment *segment)
{
	struct bc_lease_shm *lease = &segment->control->lease;
	short type = F_UNLCK;

	atomic_store_explicit(&lease->holder, 0, memory_order_release);
	(void)lock_byte(segment->fd, F_OFD_SETLK, &type);
	atomic_fetch_add_explicit(&lease->wanted, 1, memory_order_release);
	(void)bc_notify_wake(&lease->wanted);
}

int bc_lease_held(const struct bc_segment *segment)
{
	/* conflicts with the holder's write lock, not with readers' locks */
	short type = F_RDLCK;
	int ret = lock_byte(segment->fd, F_OFD_GETLK, &type);

	return ret < 0 ? ret : type != F_UNLCK;
}

int bc_lease_take_patiently(struct bc_segment *segment, uint64_t word,
			    int timeout_ms)
{
	const bc_u32 *wanted = &segment->control->lease.wanted;
	uint64_t deadline_ns = UINT64_MAX;

	if (timeout_ms >= 0)
		deadline_ns = bc_monotonic_ns() +
			      (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS;
	for (;;) {
		/* before the try: see notify.h */
		uint32_t seen =
			atomic_load_explicit(wanted, memory_order_acquire);
		int ret = bc_lease_take(segment, word);

		if (ret != 0 || bc_monotonic_ns() >= deadline_ns)
			return ret;
		if (bc_segment_state(segment) >= BC_STATE_DRAINING)
			return BCAST_ECLOSED;
		(void)bc_notify_wait(wanted, seen, LOOK_AGAIN_NS);
	}
}
