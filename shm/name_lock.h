/* SPDX-License-Identifier: MIT */
/*
 * name_lock.h - one daemon per stream name.
 *
 * An OFD write lock on /dev/shm/bcast.NAME.lock, mode 0600. It is apart from
 * the segment because readers may open the segment, and whoever can open an
 * object can put a read lock on it and so keep the next daemon out; nobody but
 * the daemon's user can open this one. The kernel drops the lock when the
 * daemon dies, whatever way it dies.
 */
#ifndef BC_NAME_LOCK_H
#define BC_NAME_LOCK_H

#include <stdbool.h>

#include "shm/name.h"

/* Zero fd is never a lock: initialise with fd = -1. */
struct bc_name_lock {
	int fd;
	char object[BC_NAME_OBJECT_MAX];
};

/*
 * bc_name_lock_take - returns 0, BCAST_EOWNED (a live daemon has it), -EACCES
 * (another user's), BCAST_EFOREIGN (a link, a directory or the like has its
 * name), BCAST_ENAME, or -errno. Does not wait.
 */
int bc_name_lock_take(struct bc_name_lock *lock, const char *name);

/*
 * bc_name_lock_inherit - its holder has passed on the descriptor, and with it
 * the lock, which is now held by both. Returns 0, BCAST_ENAME, or
 * BCAST_EFOREIGN if this is not the lock of that name: the descriptor is the
 * caller's then.
 */
int bc_name_lock_inherit(struct bc_name_lock *lock, const char *name, int fd);

/*
 * bc_name_lock_is_held - whether the name is still ours alone. No longer, once
 * somebody has removed the object: the next daemon then makes one of its own.
 */
bool bc_name_lock_is_held(const struct bc_name_lock *lock);

/*
 * bc_name_lock_drop - unlink the object, unless it is no longer ours, and let
 * the lock go. Safe on one that was never taken (fd -1).
 */
void bc_name_lock_drop(struct bc_name_lock *lock);

#endif
