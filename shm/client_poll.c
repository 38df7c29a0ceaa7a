/* SPDX-License-Identifier: MIT */
/*
 * client_poll.c - one look without waiting, and what is due when it finds
 * nothing; for those who wait (client_wait.c) and for event loops
 * (client_event.c).
 *
 * The owner's lock vanishes without a wake-up, so the kernel is asked for it
 * every 100 ms of having nothing to read, be that in one long sleep, in many
 * short waits, or in polling: the handle remembers when it is due.
 *
 * The daemon wakes after each of its publications. A local publisher does so
 * only for those who have counted themselves (sleepers.h): readers of nodes.
 * Others look again every millisecond while one has the lease.
 */
#include <bcast/bcast.h>

#include "shm/client_parts.h"
#include "shm/client_report.h"
#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/sleepers.h"

#define LIVENESS_SLICE_NS (100 * BC_NS_PER_MS)
#define UNWOKEN_SLICE_NS  BC_NS_PER_MS

/* Is there anything to read? As bc_client_look(). */
static int look(struct bcast_reader *reader)
{
	uint64_t length;

	return bc_client_look(reader, &length);
}

/* Called when there was nothing to read: has the owner been dead too long? */
static int check_owner(struct bcast_reader *reader, uint64_t now_ns)
{
	int ret = bc_segment_owner_alive(&reader->segment);
	uint32_t count = atomic_load_explicit(&reader->ring.head->publish_count,
					      memory_order_relaxed);

	if (ret < 0)
		return ret;
	if (ret == 1) {
		reader->gone_since_ns = 0;
		return 0;
	}
	/* if it has moved since, a later owner did so: each one does */
	if (reader->gone_since_ns == 0 || reader->gone_count != count) {
		reader->gone_since_ns = now_ns;
		reader->gone_count = count;
	}
	if (now_ns - reader->gone_since_ns < reader->gone_after_ns)
		return 0;
	/* what it published before it died comes first */
	ret = look(reader);
	return ret == 0 ? BCAST_EABANDONED : ret;
}

int bc_client_poll_due(struct bcast_reader *reader, uint64_t now_ns)
{
	if (reader->report)
		bc_node_report_beat(reader->report);
	if (now_ns < reader->next_check_ns && reader->gone_since_ns == 0)
		return 0;
	reader->next_check_ns = now_ns + LIVENESS_SLICE_NS;
	return check_owner(reader, now_ns);
}

int bc_client_poll(struct bcast_reader *reader)
{
	int ret = look(reader);

	if (reader->report)
		bc_node_report_beat(reader->report);
	return ret != 0 ? ret : bc_client_poll_due(reader, bc_monotonic_ns());
}

uint64_t bc_client_poll_sleepy(const struct bc_segment *segment, bool counted)
{
	if (!bc_lease_is_local(segment))
		return UINT64_MAX;
	return counted && bc_sleepers_heavy_fence() ? UINT64_MAX
						    : UNWOKEN_SLICE_NS;
}
