/* SPDX-License-Identifier: MIT */
/* object.c - see object.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/object.h"

int bc_object_open(const char *object, int access)
{
	int fd = shm_open(object, access | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd >= 0)
		return fd;
	switch (errno) {
	case ELOOP:  /* a symbolic link */
	case ENXIO:  /* a socket, or a pipe that nobody reads */
	case EISDIR: /* a directory, to be written; glibc makes it EINVAL */
	case EINVAL:
		return BCAST_EFOREIGN;
	}
	return -errno;
}

int bc_object_is_named(int fd, const char *object)
{
	struct stat held, named;
	int named_fd = bc_object_open(object, O_RDONLY);
	int ret = 0;

	if (named_fd == -ENOENT || named_fd == -EACCES ||
	    named_fd == BCAST_EFOREIGN)
		return 0;
	if (named_fd < 0)
		return named_fd;
	if (fstat(fd, &held) < 0 || fstat(named_fd, &named) < 0)
		ret = -errno;
	else
		ret = held.st_ino == named.st_ino &&
		      held.st_dev == named.st_dev;
	(void)close(named_fd);
	return ret;
}

int bc_object_allocate(int fd, uint64_t offset, uint64_t size)
{
	int error;

	do
		error = posix_fallocate(fd, (off_t)offset, (off_t)size);
	while (error == EINTR);
	return -error;
}

int bc_object_set_permissions(int fd, mode_t mode, gid_t group)
{
	struct stat status;

	/* first only what both modes allow: the group may change in between */
	if (fstat(fd, &status) < 0 || fchmod(fd, status.st_mode & mode) < 0)
		return -errno;
	if (group != (gid_t)-1 && fchown(fd, (uid_t)-1, group) < 0)
		return -errno;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}
