/* SPDX-License-Identifier: MIT */
/* object.h - what is done alike to both objects of a stream, by descriptor. */
#ifndef BC_OBJECT_H
#define BC_OBJECT_H

#include <stdint.h>
#include <sys/types.h>

/*
 * bc_object_allocate - have all pages of `size` bytes from `offset`, so that no
 * use of them can be SIGBUS later. What is there already stays. Returns 0,
 * -ENOSPC or -errno. Blocks.
 */
int bc_object_allocate(int fd, uint64_t offset, uint64_t size);

/*
 * bc_object_open - open an object that is there, whatever anybody may have put
 * under its name: nothing is followed or waited for. `access` is O_RDONLY or
 * O_RDWR. Returns a descriptor, BCAST_EFOREIGN (a link, or nothing that can be
 * opened so), -ENOENT, -EACCES or -errno. What is opened may still be of any
 * kind: see fstat().
 */
int bc_object_open(const char *object, int access);

/*
 * bc_object_is_named - does the name still lead to what fd refers to? 1, 0, or
 * -errno.
 */
int bc_object_is_named(int fd, const char *object);

/*
 * bc_object_set_permissions - give it a mode, and a group unless that is
 * (gid_t)-1. At no moment is it open to more than the old mode or the new one
 * allows. Returns 0 or -errno (-EPERM: not ours, or not one of our groups).
 */
int bc_object_set_permissions(int fd, mode_t mode, gid_t group);

#endif
