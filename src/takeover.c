/* SPDX-License-Identifier: MIT */
/*
 * takeover.c - see takeover.h.
 *
 * Adopting comes early in the start of a daemon, before the addresses, whose
 * opening may have to wait: readers give a dead writer one second by default,
 * and from the adoption on the writer is alive. Retiring comes late, when
 * nothing cheap can fail any more: it cannot be undone.
 */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include <bcast/bcast.h>

#include "src/log.h"
#include "src/takeover.h"

#define PAUSE_NS       5000000
#define NAME_ATTEMPTS  100
#define OWNED_ATTEMPTS 400

static void pause_shortly(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	(void)nanosleep(&pause, NULL);
}

/* After kill -9 a process still has its locks until it is taken apart. */
int takeover_name(struct bc_name_lock *lock, const char *name)
{
	int ret = bc_name_lock_take(lock, name);

	for (unsigned i = 0; i < NAME_ATTEMPTS && ret == BCAST_EOWNED; i++) {
		pause_shortly();
		ret = bc_name_lock_take(lock, name);
	}
	return ret;
}

/*
 * We have the name, so its last holder is dead; but the lock in the segment is
 * let go with the last mapping of it, which takes the kernel some time for a
 * large ring.
 */
static int adopt_patiently(struct bc_segment *segment,
			   const struct bc_segment_config *wanted,
			   const char **reason)
{
	int ret = bc_segment_adopt(segment, wanted, reason);

	for (unsigned i = 0; i < OWNED_ATTEMPTS && ret == BCAST_EOWNED; i++) {
		pause_shortly();
		ret = bc_segment_adopt(segment, wanted, reason);
	}
	return ret;
}

int takeover_adopt(struct daemon *daemon,
		   const struct bc_segment_config *wanted)
{
	const struct bc_control_shm *control;
	const char *reason = NULL;
	int ret = adopt_patiently(&daemon->segment, wanted, &reason);

	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	daemon->not_adopted = reason;
	daemon->adopted = ret == 0;
	if (!daemon->adopted)
		return 0;
	if (daemon->config.numa_node >= 0)
		log_event(LOG_LEVEL_INFO, "numa_node",
			  "node=%d placed=no reason=\"an adopted segment stays "
			  "where it is\"",
			  daemon->config.numa_node);
	control = daemon->segment.control;
	log_event(LOG_LEVEL_WARN, "segment_adopted",
		  "name=%s epoch=0x%016" PRIx64 " incarnation=%" PRIu32
		  " position=%" PRIu64 " reason=\"its daemon had died\"",
		  wanted->name, control->identity.epoch,
		  atomic_load_explicit(&control->owner.incarnation,
				       memory_order_relaxed),
		  bc_ring_tail(&daemon->segment.ring));
	return 0;
}

int takeover_retire(struct daemon *daemon)
{
	int ret = bc_segment_retire(daemon->config.name);

	if (ret == 1)
		log_event(LOG_LEVEL_WARN, "segment_replaced",
			  "name=%s reason=\"its daemon had died; not adopted: "
			  "%s; readers are told to reattach\"",
			  daemon->config.name,
			  daemon->not_adopted ? daemon->not_adopted : "gone");
	return ret;
}
