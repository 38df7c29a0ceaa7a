/* SPDX-License-Identifier: MIT */
/* notify.c - see notify.h. */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/notify.h"

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

int bc_notify_wake(const bc_u32 *word)
{
	long woken =
		syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);

	return woken < 0 ? -errno : (int)woken;
}
