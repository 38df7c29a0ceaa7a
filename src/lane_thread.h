/* SPDX-License-Identifier: MIT */
/*
 * lane_thread.h - an egress thread: an event loop of its own over its share of
 * the receivers, and a consumer of the ring like any local reader.
 *
 * It takes newcomers from the daemon's thread, follows the tail that this tells
 * it, and reports how far its receivers are. It knows nothing of senders,
 * publishers and nodes.
 */
#ifndef SRC_LANE_THREAD_H
#define SRC_LANE_THREAD_H

#include <pthread.h>

#include "net/backend_open.h"
#include "src/lane.h"
#include "src/lane_link.h"

struct lane_thread {
	struct lane lane; /* the thread's; its constants are set before */
	struct lane_link link;
	const struct lane_news *news;
	struct config config; /* what the lane's say: its own */
	struct backpressure_limits limits;
	pthread_t thread;
	bool running;

	/* the thread's own */
	bool armed; /* a wait for news->word is in flight */
	uint32_t order;
	uint64_t
		bound; /* with egress_headway(), when sends were last through */
};

/* What a thread's start needs to say. */
struct lane_start {
	struct lane_thread *thread;
	enum bc_backend_which which; /* as the daemon's, which was tried */
	uint32_t connections;
	int result; /* 0 or -errno, once the thread has its backend */
	char why[BC_BACKEND_WHY_MAX];
};

/*
 * lane_thread_start - start it; returns when it serves. 0, or -errno with a
 * line in start->why. `attributes` may be NULL. Signals of the daemon are
 * blocked in the caller, and so in the thread.
 */
int lane_thread_start(struct lane_start *start,
		      const pthread_attr_t *attributes);

/*
 * lane_thread_report - tell the daemon's thread how far the receivers are: by
 * the thread itself, or while it rests, by the other one.
 */
void lane_thread_report(struct lane_thread *self);

/* lane_thread_join - wait for its end, which was ordered. Blocks. */
void lane_thread_join(struct lane_thread *thread);

#endif
