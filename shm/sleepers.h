/* SPDX-License-Identifier: MIT */
/*
 * sleepers.h - who sleeps on head.publish_count while a local process publishes
 * (layout.h, WAKING).
 *
 *	publisher	publish; light fence; anybody asleep? then wake
 *	sleeper		count itself; heavy fence; look for data; sleep
 *
 * Without the fences each side's look could come before its own store, and a
 * sleeper sleep through a record. A publication costs 15 ns, a full fence adds
 * 10 and waits for all stores, so the heavy one stands for both: membarrier(2)
 * makes every running thread of the processes that have registered pass through
 * a full barrier. Where there is no membarrier the publisher's is a full one as
 * well, and the sleeper, who cannot know, does not rely on being woken.
 * (tests/model/notify.pml)
 */
#ifndef BC_SLEEPERS_H
#define BC_SLEEPERS_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * bc_sleepers_register - let this process's light fences be light. Returns
 * whether they are; else each must be a full fence. Some us, once a process.
 */
bool bc_sleepers_register(void);

/*
 * bc_sleepers_heavy_fence - the sleeper's. Returns false if it cannot be sure
 * of having reached the publisher: then sleep in slices. Some us.
 */
bool bc_sleepers_heavy_fence(void);

/* bc_sleepers_light_fence - the publisher's; light as registered. */
static inline void bc_sleepers_light_fence(bool light)
{
	if (light)
		atomic_signal_fence(memory_order_seq_cst);
	else
		atomic_thread_fence(memory_order_seq_cst);
}

#endif
