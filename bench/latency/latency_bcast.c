/* SPDX-License-Identifier: MIT */
/*
 * latency_bcast.c - bcast: two streams of packets, one there and one back, by
 * the public API only. Three kinds of reader: one that polls bcast_next(), one
 * that calls bcast_wait() as the library would have it (polling for a while,
 * then asleep), and one that sleeps at once.
 */
#include "exchange.h"

#include <stdio.h>
#include <unistd.h>

#include <bcast/bcast.h>

#define SLEEP_MS 100 /* at most, between two looks whether it is over */

struct ends {
	struct bcast_node *reading;
	struct bcast_node *writing;
	struct bcast_publisher *publisher;
	struct bcast_reader *reader;
	struct processor_idle idle;
};

/* ---- Opening ----------------------------------------------------------- */

static int join(struct crew_member *me, const char *stream, const char *what,
		struct bcast_node **node)
{
	char id[BCAST_NODE_ID_MAX];
	int ret;

	(void)snprintf(id, sizeof(id), "bench-latency-%s-%d", what, getpid());
	ret = bcast_join(stream, id, NULL, node);
	return ret < 0 ? crew_fail(me, stream, bcast_strerror(ret)) : 0;
}

/* A node's reader, since a publisher wakes those that it can see asleep. */
static int open_reader(struct crew_member *me, const char *stream,
		       int64_t spin_ns, struct ends *ends)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	int ret = join(me, stream, "reads", &ends->reading);

	if (ret < 0)
		return ret;
	options.spin_ns = spin_ns;
	ret = bcast_node_reader(ends->reading, &options, &ends->reader);
	return ret < 0 ? crew_fail(me, "bcast_node_reader", bcast_strerror(ret))
		       : 0;
}

static int open_publisher(struct crew_member *me, const char *stream,
			  struct ends *ends)
{
	int ret = join(me, stream, "writes", &ends->writing);

	if (ret < 0)
		return ret;
	ret = bcast_publisher_open(ends->writing, NULL, &ends->publisher);
	return ret < 0 ? crew_fail(me, "bcast_publisher_open",
				   bcast_strerror(ret))
		       : 0;
}

static int open_ends(struct crew_member *me, const struct latency_task *task,
		     int64_t spin_ns, struct ends *ends)
{
	const bool leads = exchange_leads(me);
	const bool echoes = me == me->crew->members + 1 && !task->schedule;
	int ret;

	*ends = (struct ends){.idle = exchange_idle(task)};
	ret = open_reader(me, leads ? task->back : task->stream, spin_ns, ends);
	if (ret < 0 || (!leads && !echoes))
		return ret;
	return open_publisher(me, leads ? task->stream : task->back, ends);
}

static void close_ends(const struct ends *ends)
{
	bcast_publisher_close(ends->publisher);
	bcast_leave(ends->writing);
	bcast_detach(ends->reader);
	bcast_leave(ends->reading);
}

/* ---- Handing over ------------------------------------------------------ */

static inline int send_packet(struct crew_member *me, void *context,
			      const void *message, size_t size)
{
	const struct ends *ends = context;
	const int ret = bcast_publish(ends->publisher, message, size);

	return ret < 0 ? crew_fail(me, "bcast_publish", bcast_strerror(ret))
		       : 0;
}

/* One look: 1, 0 for nothing yet or lapped, < 0. */
EXCHANGE_INLINE int take(struct crew_member *me, const struct ends *ends,
			 void *message, size_t size)
{
	struct bcast_packet packet;
	int ret = bcast_next(ends->reader, &packet);

	if (ret == 0)
		return 0;
	if (ret > 0 && packet.length != size)
		return crew_fail(me, "bcast_next", "a message of another size");
	if (ret > 0) {
		memcpy(message, packet.payload, size);
		ret = bcast_consume(ends->reader, packet.size);
		if (ret == 0)
			return 1;
	}
	/* what was lost is seen by the numbers */
	return ret == BCAST_ELAPPED
		       ? 0
		       : crew_fail(me, "reading", bcast_strerror(ret));
}

static inline int spin_receive(struct crew_member *me, void *context,
			       void *message, size_t size)
{
	struct ends *ends = context;

	for (;;) {
		const int ret = take(me, ends, message, size);

		if (ret != 0 || crew_over(me))
			return ret;
		processor_relax(&ends->idle);
	}
}

static inline int wait_receive(struct crew_member *me, void *context,
			       void *message, size_t size)
{
	const struct ends *ends = context;

	for (;;) {
		int ret = take(me, ends, message, size);

		if (ret != 0 || crew_over(me))
			return ret;
		ret = bcast_wait(ends->reader, SLEEP_MS);
		if (ret < 0 && ret != BCAST_ELAPPED)
			return crew_fail(me, "bcast_wait", bcast_strerror(ret));
	}
}

static const struct exchange by_spin = {send_packet, spin_receive};
static const struct exchange by_wait = {send_packet, wait_receive};

static int spin_work(struct crew_member *me, void *context)
{
	struct ends ends;
	int ret = open_ends(me, context, 0, &ends);

	if (ret >= 0)
		ret = exchange_work(me, context, &by_spin, &ends);
	close_ends(&ends);
	return ret;
}

static int wait_with(struct crew_member *me, const struct latency_task *task,
		     int64_t spin_ns)
{
	struct ends ends;
	int ret = open_ends(me, task, spin_ns, &ends);

	if (ret >= 0)
		ret = exchange_work(me, task, &by_wait, &ends);
	close_ends(&ends);
	return ret;
}

static int wait_work(struct crew_member *me, void *context)
{
	return wait_with(me, context, BCAST_SPIN_DEFAULT);
}

static int park_work(struct crew_member *me, void *context)
{
	return wait_with(me, context, 0);
}

const struct latency_system latency_bcast_spin = {
	.name = "bcast-spin",
	.about = "bcast, readers that poll bcast_next()",
	.work = spin_work,
};

const struct latency_system latency_bcast_wait = {
	.name = "bcast-wait",
	.about = "bcast, bcast_wait() by its defaults",
	.parks = true,
	.work = wait_work,
};

const struct latency_system latency_bcast_park = {
	.name = "bcast-park",
	.about = "bcast, bcast_wait() without polling: all asleep",
	.parks = true,
	.work = park_work,
};
