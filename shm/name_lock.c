/* SPDX-License-Identifier: MIT */
/*
 * name_lock.c - see name_lock.h.
 *
 * The object is unlinked on a clean stop, so another process may be about to
 * lock what is no longer there. Hence the loop: after locking, the name must
 * still lead to the inode that was locked; else begin again. kill -9 at any
 * line leaves at most an unlocked object, which the next daemon takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/name_lock.h"

#define ATTEMPTS_MAX 16

static int lock_whole(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? BCAST_EOWNED : -errno;
}

/* Whether the object's name still leads to what fd refers to. */
static bool is_current(int fd, const char *object)
{
	struct stat held, named;
	int named_fd = shm_open(object, O_RDWR, 0);
	bool same;

	if (named_fd < 0)
		return false;
	same = fstat(fd, &held) == 0 && fstat(named_fd, &named) == 0 &&
	       held.st_ino == named.st_ino && held.st_dev == named.st_dev;
	(void)close(named_fd);
	return same;
}

int bc_name_lock_take(struct bc_name_lock *lock, const char *name)
{
	int ret = bc_name_object(lock->object, sizeof(lock->object), name,
				 BC_NAME_SUFFIX_LOCK);

	lock->fd = -1;
	if (ret < 0)
		return ret;
	for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		int fd = shm_open(lock->object, O_RDWR | O_CREAT, 0600);

		if (fd < 0)
			return -errno;
		ret = lock_whole(fd);
		if (ret == 0 && is_current(fd, lock->object)) {
			lock->fd = fd;
			return 0;
		}
		(void)close(fd);
		if (ret < 0)
			return ret;
	}
	return -EAGAIN;
}

void bc_name_lock_drop(struct bc_name_lock *lock)
{
	if (lock->fd < 0)
		return;
	(void)shm_unlink(lock->object);
	(void)close(lock->fd);
	lock->fd = -1;
}
