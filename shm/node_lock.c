/* SPDX-License-Identifier: MIT */
/* node_lock.c - see node_lock.h. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shm/layout.h"
#include "shm/node_lock.h"

#define ID_HASH_MASK ((UINT64_C(1) << 60) - 1)

uint64_t bc_node_lock_life(uint32_t slot)
{
	return BC_NODE_LOCK_BASE + slot;
}

uint64_t bc_node_lock_guard(uint32_t slot)
{
	return BC_NODE_GUARD_BASE + slot;
}

/*
 * FNV-1a. Two ids of one hash would be taken for duplicates: of 4096 nodes,
 * one chance in 10^11 that any two are.
 */
uint64_t bc_node_lock_id(const char *id)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (const char *at = id; *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
	return BC_NODE_ID_BASE + (hash & ID_HASH_MASK);
}

static struct flock byte_lock(short type, uint64_t byte)
{
	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)byte,
		.l_len = 1,
	};
}

int bc_node_lock_try(int fd, uint64_t byte)
{
	struct flock lock = byte_lock(F_WRLCK, byte);

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 1;
	return errno == EAGAIN || errno == EACCES ? 0 : -errno;
}

void bc_node_lock_drop(int fd, uint64_t byte)
{
	struct flock lock = byte_lock(F_UNLCK, byte);

	(void)fcntl(fd, F_OFD_SETLK, &lock); /* cannot fail: it only frees */
}

int bc_node_lock_held(int fd, uint64_t byte)
{
	/* a read lock, which anybody may place, is nobody's life */
	struct flock lock = byte_lock(F_RDLCK, byte);

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type != F_UNLCK;
}
