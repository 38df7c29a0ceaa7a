/* SPDX-License-Identifier: MIT */
/*
 * notify.h - sleep until a word in shared memory changes, and wake sleepers.
 * The only futex(2) in bcast.
 *
 * The word is a count that the writer increases after what it announces. The
 * kernel re-reads it under its own lock before a waiter sleeps, so "store,
 * wake" against "read the count, look for data, wait(count)" loses no wake,
 * with nothing else in between. Waiting works on a read-only mapping. Futexes
 * here are shared ones: any process, any address, any container.
 */
#ifndef BC_NOTIFY_H
#define BC_NOTIFY_H

#include <stdint.h>

#include "shm/layout.h"

/*
 * bc_notify_wait - sleep until woken, if *word still equals `seen`.
 *
 * Returns 0 when woken, or at once when the word differs; -ETIMEDOUT after
 * timeout_ns (< 0: none); -EINTR on a signal. May wake for no reason: look
 * again. Blocks.
 */
int bc_notify_wait(const bc_u32 *word, uint32_t seen, int64_t timeout_ns);

/*
 * bc_notify_wait_two - sleep until woken at either word, if *word still equals
 * `seen` and *own still equals `own_seen`. For a thread that must be reached
 * by its own process while it sleeps on a word that this may not write.
 *
 * Returns as bc_notify_wait does, and -EFAULT if `word` is not mapped; which
 * of the two it was, the caller sees by looking at `own`. Where the kernel
 * cannot do it (before Linux 5.16), a change of `own` is found out within
 * BC_NOTIFY_SLICE_NS. Blocks.
 */
#define BC_NOTIFY_SLICE_NS INT64_C(50000000)
int bc_notify_wait_two(const bc_u32 *word, uint32_t seen, const bc_u32 *own,
		       uint32_t own_seen, int64_t timeout_ns);

/* A word, and what it was when it was looked at. */
struct bc_notify_item {
	const bc_u32 *word;
	uint32_t seen;
};
#define BC_NOTIFY_ITEMS_MAX 128u /* the kernel's limit */

/*
 * bc_notify_wait_any - sleep until woken at any of these words, if all of them
 * still equal what was seen. count: 1 to BC_NOTIFY_ITEMS_MAX.
 *
 * Returns the index of one that was woken (others may have been, too); -EAGAIN
 * at once when one differs; -EINTR; -EFAULT if one is not mapped, or its page
 * is gone; -ENOSYS where the kernel cannot (before Linux 5.16) or may not.
 * Blocks.
 */
int bc_notify_wait_any(const struct bc_notify_item *items, unsigned count);

/*
 * bc_notify_wake - wake all that sleep on the word, in any process. Returns
 * how many there were. Costs 0.5 us and grows with the number of sleepers.
 */
int bc_notify_wake(const bc_u32 *word);

#endif
