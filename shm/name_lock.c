/* SPDX-License-Identifier: MIT */
/*
 * name_lock.c - see name_lock.h.
 *
 * The object is unlinked on a clean stop, so another process may be about to
 * lock what is no longer there. Hence the loop: after locking, the name must
 * still lead to the inode that was locked; else begin again. kill -9 at any
 * line leaves at most an unlocked object, which the next daemon takes.
 *
 * An object that another user has made is never kept, even if it lets us in:
 * its maker could unlink it under us, or let others lock it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/name_lock.h"
#include "shm/object.h"

#define ATTEMPTS_MAX 16

static int lock_whole(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? BCAST_EOWNED : -errno;
}

/*
 * Not by O_CREAT alone: fs.protected_regular refuses it, even to root, for
 * what another user has put into a sticky directory.
 */
static int open_object(const char *object)
{
	int fd = bc_object_open(object, O_RDWR);

	if (fd != -ENOENT)
		return fd;
	fd = shm_open(object, O_RDWR | O_CREAT | O_EXCL, 0600);
	return fd < 0 ? -errno : fd;
}

static bool is_ours(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_uid == geteuid();
}

/* Returns a locked descriptor, -EEXIST to begin again, or as for take. */
static int try_take(const char *object)
{
	int fd = open_object(object);
	int ret;

	if (fd < 0)
		return fd;
	ret = lock_whole(fd);
	if (ret == 0 && bc_object_is_named(fd, object) != 1)
		ret = -EEXIST;
	if (ret == 0 && !is_ours(fd))
		/* root can remove it; the sticky bit keeps others from it */
		ret = shm_unlink(object) < 0 ? -EACCES : -EEXIST;
	if (ret == 0)
		return fd;
	(void)close(fd);
	return ret;
}

int bc_name_lock_take(struct bc_name_lock *lock, const char *name)
{
	int ret = bc_name_object(lock->object, sizeof(lock->object), name,
				 BC_NAME_SUFFIX_LOCK);

	lock->fd = -1;
	if (ret < 0)
		return ret;
	for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		ret = try_take(lock->object);
		if (ret >= 0) {
			lock->fd = ret;
			return 0;
		}
		if (ret != -EEXIST)
			return ret;
	}
	return -EAGAIN;
}

int bc_name_lock_inherit(struct bc_name_lock *lock, const char *name, int fd)
{
	struct bc_name_lock made = {.fd = fd};
	int ret = bc_name_object(made.object, sizeof(made.object), name,
				 BC_NAME_SUFFIX_LOCK);

	if (ret < 0)
		return ret;
	/* by a description that has it already: nothing changes */
	if (!bc_name_lock_is_held(&made) || lock_whole(fd) < 0)
		return BCAST_EFOREIGN;
	*lock = made;
	return 0;
}

bool bc_name_lock_is_held(const struct bc_name_lock *lock)
{
	return lock->fd >= 0 && bc_object_is_named(lock->fd, lock->object) == 1;
}

void bc_name_lock_drop(struct bc_name_lock *lock)
{
	if (lock->fd < 0)
		return;
	if (bc_name_lock_is_held(lock))
		(void)shm_unlink(lock->object);
	(void)close(lock->fd);
	lock->fd = -1;
}
