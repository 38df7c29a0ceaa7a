/* SPDX-License-Identifier: MIT */
/*
 * client_wait.c - bcast_wait(): everything that happens when a reader finds
 * nothing.
 *
 *	look -> spin -> look at the state -> park on the futex, in slices
 *
 * What each turn asks, the owner's life above all, is client_poll.c.
 *
 * The futex word is read before the last look for data, so a publication in
 * between makes the wait return at once (notify.h); changes of the state wake
 * the same word, and so does who takes the write lease.
 */
#include <errno.h>
#include <sched.h>

#include <bcast/bcast.h>

#include "shm/client_parts.h"
#include "shm/client_report.h"
#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/notify.h"
#include "shm/pause.h"

/* Looks for data between two looks at the clock. */
#define LOOKS_PER_CLOCK	   16
#define LOOKS_WHEN_ENDLESS 1024

static unsigned usable_cores(void)
{
	cpu_set_t usable;

	if (sched_getaffinity(0, sizeof(usable), &usable) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&usable);
}

void bc_client_wait_init(struct bcast_reader *reader, int64_t spin_ns)
{
	bc_spin_init(&reader->spin, spin_ns, usable_cores());
}

/* ---- Waiting ----------------------------------------------------------- */

/* Is there anything to read? As bc_client_look(). */
static int look(struct bcast_reader *reader)
{
	uint64_t length;

	return bc_client_look(reader, &length);
}

/*
 * A sample is taken when exactly one publication ended the wait: the stamp is
 * then that of the bytes which this reader waited for.
 */
static void measure(struct bcast_reader *reader)
{
	const struct bc_head_shm *head = reader->ring.head;
	uint64_t tail = bc_ring_tail(&reader->ring);
	uint64_t published =
		atomic_load_explicit(&head->published_ns, memory_order_relaxed);
	uint64_t now = bc_monotonic_ns();

	/* a local publisher stamps only what it wakes for */
	if (!reader->parked && bc_lease_is_local(&reader->segment))
		return;
	if (bc_ring_tail(&reader->ring) != tail || published == 0 ||
	    published > now)
		return;
	bc_histogram_record(&reader->latency, now - published);
	if (now - published > reader->latency_max_ns)
		reader->latency_max_ns = now - published;
	if (reader->report)
		bc_node_report_latency(reader->report, now - published,
				       reader->latency_max_ns);
}

static int spin(struct bcast_reader *reader, uint64_t until_ns)
{
	const unsigned looks = bc_spin_is_endless(&reader->spin)
				       ? LOOKS_WHEN_ENDLESS
				       : LOOKS_PER_CLOCK;
	uint64_t now_ns;
	int ret;

	do {
		for (unsigned i = 0; i < looks; i++) {
			ret = look(reader);
			if (ret != 0)
				return ret;
			bc_pause();
		}
		now_ns = bc_monotonic_ns();
		ret = bc_client_poll_due(reader, now_ns);
		if (ret != 0)
			return ret;
	} while (now_ns < until_ns);
	return 0;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Before the last look: be counted, if that is needed to be woken. Returns for
 * how long we may sleep without another look.
 */
static uint64_t begin_sleep(struct bcast_reader *reader)
{
	if (reader->report)
		bc_node_report_asleep(reader->report);
	return bc_client_poll_sleepy(&reader->segment, reader->report != NULL);
}

/*
 * What a wake costs is seen where one publication, made after we had gone to
 * sleep at slept_ns, ended the sleep: its stamp is then the one to hold
 * against.
 */
static void learn_wake(struct bcast_reader *reader, uint32_t seen,
		       uint64_t slept_ns)
{
	const struct bc_head_shm *head = reader->ring.head;
	uint64_t published =
		atomic_load_explicit(&head->published_ns, memory_order_relaxed);
	uint64_t now_ns = bc_monotonic_ns();

	if (atomic_load_explicit(&head->publish_count, memory_order_acquire) !=
		    seen + 1 ||
	    published <= slept_ns || published > now_ns)
		return;
	bc_spin_woken(&reader->spin, now_ns - published);
}

static void sleep_on_count(struct bcast_reader *reader, uint32_t seen,
			   uint64_t slice_ns)
{
	const bc_u32 *word = &reader->ring.head->publish_count;
	uint64_t slept_ns;

	if (!reader->spin.adaptive) {
		(void)bc_notify_wait(word, seen, (int64_t)slice_ns);
		return;
	}
	slept_ns = bc_monotonic_ns();
	if (bc_notify_wait(word, seen, (int64_t)slice_ns) == 0)
		learn_wake(reader, seen, slept_ns);
}

static void end_sleep(struct bcast_reader *reader)
{
	if (reader->report)
		bc_node_report_awake(reader->report);
}

/* One look, and one sleep if it finds nothing. As bc_client_look(). */
static int look_and_sleep(struct bcast_reader *reader, uint64_t deadline_ns)
{
	const bc_u32 *word = &reader->ring.head->publish_count;
	/* before the look: see the head of this file */
	uint32_t seen = atomic_load_explicit(word, memory_order_acquire);
	uint64_t now_ns = bc_monotonic_ns();
	uint64_t slice_ns = begin_sleep(reader);
	int ret = look(reader);

	if (ret == 0)
		ret = bc_client_poll_due(reader, now_ns);
	if (ret == 0 && now_ns < deadline_ns) {
		slice_ns = min_u64(slice_ns,
				   min_u64(deadline_ns, reader->next_check_ns) -
					   now_ns);
		sleep_on_count(reader, seen, slice_ns);
		/* before the fence of another turn, which costs 10 us */
		ret = look(reader);
	}
	end_sleep(reader);
	return ret == 0 && now_ns >= deadline_ns ? -ETIMEDOUT : ret;
}

/* Sleep until data, the deadline, the end, or the writer's death. */
static int park(struct bcast_reader *reader, uint64_t deadline_ns)
{
	int ret;

	reader->parks++;
	reader->parked = true;
	do
		ret = look_and_sleep(reader, deadline_ns);
	while (ret == 0);
	return ret == -ETIMEDOUT ? 0 : ret;
}

static int wait_for_data(struct bcast_reader *reader, int timeout_ms)
{
	uint64_t start_ns = bc_monotonic_ns();
	uint64_t deadline_ns = UINT64_MAX;
	uint64_t budget_ns;
	int ret;

	if (timeout_ms >= 0)
		deadline_ns = start_ns +
			      (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS;
	budget_ns = bc_spin_budget(&reader->spin);
	if (budget_ns > 0) {
		ret = spin(reader, min_u64(start_ns + budget_ns, deadline_ns));
		if (ret != 0)
			bc_spin_hit(&reader->spin);
		if (ret != 0 || bc_spin_is_endless(&reader->spin))
			return ret;
	}
	ret = park(reader, deadline_ns);
	if (ret != 0)
		bc_spin_miss(&reader->spin);
	return ret;
}

int bcast_wait(struct bcast_reader *reader, int timeout_ms)
{
	int ret;

	if (timeout_ms == 0)
		return bc_client_poll(reader);
	ret = look(reader);
	if (reader->report)
		bc_node_report_beat(reader->report);
	if (ret != 0)
		return ret;
	/* the node's slot has one sleeper, and this is it now */
	bc_client_event_disarm(reader);
	reader->waits++;
	reader->parked = false;
	ret = wait_for_data(reader, timeout_ms);
	if (reader->report)
		bc_node_report_waited(reader->report, reader->waits,
				      reader->parks);
	if (ret == 1 && reader->measure)
		measure(reader);
	return ret;
}
