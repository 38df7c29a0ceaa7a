/* SPDX-License-Identifier: MIT */
/* object.c - see object.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/object.h"

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
