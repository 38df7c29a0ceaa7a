/* SPDX-License-Identifier: MIT */
/* lanes_rest.c - see lanes_rest.h. */
#include <errno.h>
#include <poll.h>

#include "shm/clock.h"
#include "shm/notify.h"
#include "src/lane_thread.h"
#include "src/lanes_rest.h"

static struct lane_thread *thread_of(const struct daemon *daemon, uint32_t i)
{
	return &daemon->lanes.threads[i];
}

/* At once: the backend's queue may not be handed in any more. */
static void tell(struct daemon *daemon, enum lane_upgrade what)
{
	struct lane_news *news = daemon->lanes.news;

	if (daemon->lanes.count == 0)
		return;
	atomic_store_explicit(&news->upgrade, what, memory_order_release);
	atomic_fetch_add_explicit(&news->word, 1, memory_order_release);
	(void)bc_notify_wake(&news->word);
}

void lanes_settle(struct daemon *daemon, bool on)
{
	tell(daemon, on ? LANE_SETTLE : LANE_NO_UPGRADE);
}

bool lanes_owe(const struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		if (atomic_load_explicit(&thread_of(daemon, i)->link.owed,
					 memory_order_relaxed) != 0)
			return true;
	return false;
}

void lanes_rest(struct daemon *daemon)
{
	if (daemon->lanes.count == 0)
		return;
	atomic_fetch_add_explicit(&daemon->lanes.news->rests, 1,
				  memory_order_relaxed);
	tell(daemon, LANE_REST);
}

/* A thread that has ended for an error has closed its connections' backend. */
static bool rests(const struct daemon *daemon, uint32_t i)
{
	const struct lane_link *link = &thread_of(daemon, i)->link;

	/* pairs with sleep_through() in lane_thread.c: the lane is ours */
	return atomic_load_explicit(&link->rested, memory_order_acquire) ==
		       atomic_load_explicit(&daemon->lanes.news->rests,
					    memory_order_relaxed) &&
	       atomic_load_explicit(&link->taken, memory_order_acquire) ==
		       atomic_load_explicit(&link->given, memory_order_relaxed);
}

static bool all_rest(const struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		if (!rests(daemon, i))
			return false;
	return true;
}

int lanes_await_rest(struct daemon *daemon, uint64_t deadline_ns)
{
	/* rings when one has come to rest; it may have rung for others */
	struct pollfd bell = {.fd = daemon->lanes.eventfd, .events = POLLIN};

	while (!all_rest(daemon)) {
		if (bc_monotonic_ns() >= deadline_ns)
			return -ETIMEDOUT;
		(void)poll(&bell, 1, 1);
	}
	return 0;
}

/*
 * What they need of the ring has to be known before the sender is read again,
 * and so before they come to say it themselves.
 */
static void report_for(struct daemon *daemon, uint32_t i)
{
	struct lane_thread *thread = thread_of(daemon, i);

	/* else it says so itself, and the lane is not ours (any more) */
	if (atomic_load_explicit(&daemon->lanes.news->upgrade,
				 memory_order_relaxed) != LANE_REST ||
	    !rests(daemon, i))
		return;
	thread->bound = daemon_tail(daemon) + daemon->limits.pace_bytes / 2;
	lane_thread_report(thread);
}

void lanes_resume(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		report_for(daemon, i);
	if (daemon->lanes.count > 0)
		atomic_store_explicit(&daemon->lanes.news->tail,
				      daemon_tail(daemon),
				      memory_order_release);
	tell(daemon, LANE_NO_UPGRADE);
}

struct lane *lanes_lane(const struct daemon *daemon, uint32_t index)
{
	return &thread_of(daemon, index)->lane;
}

uint32_t lanes_least(const struct daemon *daemon)
{
	uint32_t least = 0;

	for (uint32_t i = 1; i < daemon->lanes.count; i++)
		if (lanes_lane(daemon, i)->conns.used <
		    lanes_lane(daemon, least)->conns.used)
			least = i;
	return least;
}

void lanes_count_in(struct daemon *daemon, uint32_t index)
{
	struct lane_link *link = &thread_of(daemon, index)->link;
	uint64_t count =
		atomic_load_explicit(&link->given, memory_order_relaxed) + 1;

	atomic_store_explicit(&link->taken, count, memory_order_relaxed);
	atomic_store_explicit(&link->given, count, memory_order_relaxed);
}
