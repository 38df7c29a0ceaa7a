/* SPDX-License-Identifier: MIT */
/*
 * node_lock.h - the kernel's word on who is there: locks on single bytes of the
 * registry object (layout.h, LIVENESS).
 *
 * They are OFD locks: they belong to an open file description, end when its
 * last descriptor is closed, at the latest by the death of the last process
 * that has one, hold across pid namespaces, and are inherited by fork(). The
 * bytes lie far beyond the object's end; none of them is ever stored.
 */
#ifndef BC_NODE_LOCK_H
#define BC_NODE_LOCK_H

#include <stdint.h>

/* The three bytes that mean something. */
uint64_t bc_node_lock_life(uint32_t slot);
uint64_t bc_node_lock_guard(uint32_t slot);
uint64_t bc_node_lock_id(const char *id);

/*
 * bc_node_lock_try - lock the byte for this description. Returns 1, 0 if
 * another description has it, or -errno (-EBADF: opened read-only). Does not
 * block. Taking what one has already succeeds.
 */
int bc_node_lock_try(int fd, uint64_t byte);

/* bc_node_lock_drop - give it back. Dropping what one has not does nothing. */
void bc_node_lock_drop(int fd, uint64_t byte);

/*
 * bc_node_lock_held - does another description than fd's have a write lock on
 * the byte? 1, 0, or -errno. Needs a readable descriptor only.
 */
int bc_node_lock_held(int fd, uint64_t byte);

#endif
