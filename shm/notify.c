/* SPDX-License-Identifier: MIT */
/* notify.c - see notify.h. */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/assert.h"
#include "shm/clock.h"
#include "shm/notify.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* the same on all architectures */
#endif

int bc_notify_wait(const bc_u32 *word, uint32_t seen, int64_t timeout_ns)
{
	struct timespec timeout = {
		.tv_sec = timeout_ns / BC_NS_PER_S,
		.tv_nsec = timeout_ns % BC_NS_PER_S,
	};
	long ret;

	ret = syscall(SYS_futex, word, FUTEX_WAIT, seen,
		      timeout_ns < 0 ? NULL : &timeout, NULL, 0);
	if (ret == 0 || errno == EAGAIN)
		return 0;
	return -errno;
}

/* `own` has no sleeper, so nobody need wake it: it is looked at. */
static int wait_in_slices(const bc_u32 *word, uint32_t seen, const bc_u32 *own,
			  uint32_t own_seen, int64_t timeout_ns)
{
	uint64_t start_ns = bc_monotonic_ns();

	for (;;) {
		int64_t slice_ns = BC_NOTIFY_SLICE_NS;
		int ret;

		if (timeout_ns >= 0) {
			int64_t left_ns =
				timeout_ns -
				(int64_t)(bc_monotonic_ns() - start_ns);

			if (left_ns < slice_ns)
				slice_ns = left_ns > 0 ? left_ns : 0;
		}
		/* acquire: what whoever changed it has written before */
		if (atomic_load_explicit(own, memory_order_acquire) != own_seen)
			return 0;
		ret = bc_notify_wait(word, seen, slice_ns);
		if (ret != -ETIMEDOUT || slice_ns < BC_NOTIFY_SLICE_NS)
			return ret;
	}
}

static struct futex_waitv waiter_for(const bc_u32 *word, uint32_t seen)
{
	return (struct futex_waitv){
		.val = seen,
		.uaddr = (uintptr_t)word,
		.flags = FUTEX_32,
	};
}

int bc_notify_wait_two(const bc_u32 *word, uint32_t seen, const bc_u32 *own,
		       uint32_t own_seen, int64_t timeout_ns)
{
	struct futex_waitv both[] = {waiter_for(word, seen),
				     waiter_for(own, own_seen)};
	/* a moment, unlike that of futex(2); so far off cannot overflow */
	uint64_t end_ns = bc_monotonic_ns() + (uint64_t)timeout_ns;
	struct __kernel_timespec end = {
		.tv_sec = (int64_t)(end_ns / (uint64_t)BC_NS_PER_S),
		.tv_nsec = (int64_t)(end_ns % (uint64_t)BC_NS_PER_S),
	};
	long ret;

	ret = syscall(SYS_futex_waitv, both, 2, 0, timeout_ns < 0 ? NULL : &end,
		      CLOCK_MONOTONIC);
	if (ret >= 0 || errno == EAGAIN)
		return 0;
	/* EPERM: a seccomp profile that is older than the call */
	if (errno == ENOSYS || errno == EPERM)
		return wait_in_slices(word, seen, own, own_seen, timeout_ns);
	return -errno;
}

int bc_notify_wait_any(const struct bc_notify_item *items, unsigned count)
{
	struct futex_waitv waiters[BC_NOTIFY_ITEMS_MAX];
	long ret;

	BC_ASSERT(count > 0 && count <= BC_NOTIFY_ITEMS_MAX);
	for (unsigned i = 0; i < count; i++)
		waiters[i] = waiter_for(items[i].word, items[i].seen);
	ret = syscall(SYS_futex_waitv, waiters, count, 0, NULL,
		      CLOCK_MONOTONIC);
	if (ret >= 0)
		return (int)ret;
	/* EPERM: a seccomp profile that is older than the call */
	return errno == EPERM ? -ENOSYS : -errno;
}

int bc_notify_wake(const bc_u32 *word)
{
	long woken =
		syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);

	return woken < 0 ? -errno : (int)woken;
}
