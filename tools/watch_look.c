/* SPDX-License-Identifier: MIT */
/*
 * watch_look.c - see watch.h: one look at the stream.
 *
 * Rates are differences of counters over the time that has really passed
 * between two looks, not over the interval that was asked for. What is in is
 * the tail, which local publishers move too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "watch.h"

#define STALLED_NS     UINT64_C(1000000000)
#define NODES_PER_LOOK 20 /* looking at nodes may take a 20th of the time */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

/* ---- Which segment ----------------------------------------------------- */

static void drop(struct watch *watch)
{
	bcast_monitor_close(watch->monitor);
	bcast_nodes_close(watch->node_view);
	watch->monitor = NULL;
	watch->node_view = NULL;
}

/* Look for the name; open what it stands for, if that is another object. */
static void find(struct watch *watch)
{
	char path[sizeof("/dev/shm/bcast.") + BCAST_NAME_MAX];
	struct bcast_monitor *monitor;
	struct stat status;
	int ret;

	watch->another = false;
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", watch->name);
	/* an object that is being made is not ready, and comes later */
	watch->gone = stat(path, &status) < 0;
	watch->problem = 0;
	if (watch->gone || (watch->monitor && watch->inode == status.st_ino))
		return;
	ret = bcast_monitor_open(watch->name, &monitor);
	if (ret < 0) {
		watch->problem = ret;
		return;
	}
	watch->another = watch->monitor != NULL;
	drop(watch);
	watch->monitor = monitor;
	watch->inode = status.st_ino;
	watch->nodes_due_ns = 0;
}

/* ---- Snapshot ---------------------------------------------------------- */

static int fill_nodes(struct watch *watch, struct shmstat *stat)
{
	int ret = 0;

	if (!watch->node_view)
		ret = bcast_nodes_open(watch->name, &watch->node_view);
	if (ret < 0)
		return ret;
	if (!nodes_init(&stat->nodes, watch->node_view))
		return -ENOMEM;
	return nodes_fill(&stat->nodes, watch->node_view);
}

/* Thousands of nodes cost system calls each: not at every look then. */
static void look_at_nodes(struct watch *watch, struct shmstat *stat)
{
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	int ret;

	if (start_ns < watch->nodes_due_ns && !watch->another) {
		stat->nodes = watch->now.nodes;
		stat->nodes_problem = watch->now.nodes_problem;
		memset(&watch->now.nodes, 0, sizeof(watch->now.nodes));
		return;
	}
	ret = fill_nodes(watch, stat);
	if (ret < 0) {
		nodes_free(&stat->nodes);
		bcast_nodes_close(watch->node_view);
		watch->node_view = NULL;
		stat->nodes_problem = nodes_problem(watch->name, ret);
	}
	watch->nodes_due_ns =
		start_ns +
		(clock_ns(CLOCK_MONOTONIC) - start_ns) * NODES_PER_LOOK;
}

static int snapshot(struct watch *watch)
{
	const struct shmstat_closed_range range = {
		.until = watch->has_closed ? &watch->newest_closed : NULL,
		.limit = watch->has_closed ? SIZE_MAX : 1,
	};
	struct shmstat next;
	int ret = shmstat_take(watch->monitor, &range, &next);

	if (ret < 0) {
		shmstat_free(&next);
		return ret;
	}
	look_at_nodes(watch, &next);
	shmstat_free(&watch->before);
	watch->before = watch->now;
	watch->before_ns = watch->now_ns;
	watch->now = next;
	watch->now_ns = clock_ns(CLOCK_MONOTONIC);
	watch->realtime_ns = clock_ns(CLOCK_REALTIME);
	if (next.closed_count > 0)
		watch->newest_closed = next.closed[0];
	return 0;
}

/* ---- Rates ------------------------------------------------------------- */

/* A counter that has begun anew has no rate for once. */
static double rate(const struct watch *watch, uint64_t now, uint64_t before)
{
	uint64_t ns = watch->now_ns - watch->before_ns;

	if (!watch->has_before || ns == 0 || now < before)
		return 0;
	return (double)(now - before) * 1e9 / (double)ns;
}

static void measure(struct watch *watch)
{
	const struct shmstat *now = &watch->now;
	const struct shmstat *before = &watch->before;

	watch->throughput = (struct watch_throughput){
		.in = rate(watch, now->stream.tail, before->stream.tail),
		.out = rate(watch, now->totals.bytes_out,
			    before->totals.bytes_out),
		.records = rate(watch, now->stream.sequence,
				before->stream.sequence),
	};
	if (watch->has_before)
		watch->history[watch->samples++ % WATCH_HISTORY] =
			watch->throughput;
}

/* ---- Rows -------------------------------------------------------------- */

static struct watch_row *add_row(struct watch_rows *rows)
{
	if (rows->count == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 64;
		struct watch_row *bigger =
			reallocarray(rows->rows, room, sizeof(*bigger));

		if (!bigger)
			return NULL;
		rows->rows = bigger;
		rows->room = room;
	}
	memset(&rows->rows[rows->count], 0, sizeof(*rows->rows));
	return &rows->rows[rows->count++];
}

static const char *peer_state(const struct bcast_peer_info *peer)
{
	if (peer->role != BCAST_ROLE_RECEIVER)
		return "-";
	if (peer->lag == 0)
		return "live";
	return peer->idle_ns > STALLED_NS ? "stalled" : "behind";
}

/* Both lists are in the order of slots: *from is where to go on. */
static uint64_t peer_bytes_before(const struct watch *watch,
				  const struct bcast_peer_info *peer,
				  size_t *from)
{
	const struct shmstat *before = &watch->before;

	while (*from < before->peer_count &&
	       before->peers[*from].slot < peer->slot)
		(*from)++;
	if (*from < before->peer_count &&
	    before->peers[*from].slot == peer->slot &&
	    before->peers[*from].connected_realtime_ns ==
		    peer->connected_realtime_ns)
		return before->peers[*from].bytes;
	return 0; /* it is new: all of it came since */
}

static int add_peers(struct watch *watch)
{
	size_t from = 0;

	watch->peers.count = 0;
	for (size_t i = 0; i < watch->now.peer_count; i++) {
		const struct bcast_peer_info *peer = &watch->now.peers[i];
		struct watch_row *row = add_row(&watch->peers);

		if (!row)
			return -ENOMEM;
		row->name = peer->peer;
		row->role = bcast_role_name(peer->role);
		row->state = peer_state(peer);
		row->slot = peer->slot;
		row->reads = peer->role == BCAST_ROLE_RECEIVER;
		row->alarming = strcmp(row->state, "stalled") == 0;
		row->cursor = peer->cursor;
		row->lag = peer->lag;
		row->bytes = peer->bytes;
		row->since_realtime_ns = peer->connected_realtime_ns;
		row->rate = rate(watch, peer->bytes,
				 peer_bytes_before(watch, peer, &from));
		row->idle_ns = peer->idle_ns;
		row->lag_max = peer->lag_max;
		row->short_sends = peer->short_sends;
	}
	return 0;
}

static uint64_t node_bytes_before(const struct watch *watch,
				  const struct bcast_node_info *node)
{
	const struct nodes *before = &watch->before.nodes;

	for (int i = 0; i < before->count; i++)
		if (before->entries[i].slot == node->slot &&
		    before->entries[i].joined_realtime_ns ==
			    node->joined_realtime_ns)
			return before->entries[i].bytes;
	return node->bytes;
}

static int add_nodes(struct watch *watch)
{
	watch->nodes.count = 0;
	for (int i = 0; i < watch->now.nodes.count; i++) {
		const struct bcast_node_info *node =
			&watch->now.nodes.entries[i];
		struct watch_row *row = add_row(&watch->nodes);

		if (!row)
			return -ENOMEM;
		row->name = node->id;
		row->role = "node";
		row->state = bcast_node_state_name(node->state);
		row->slot = node->slot;
		row->reads = (node->roles & BCAST_NODE_READER) != 0;
		row->alarming = node->state != BCAST_NODE_ALIVE;
		row->cursor = node->cursor;
		row->lag = node->lag;
		row->bytes = node->bytes;
		row->since_realtime_ns = node->joined_realtime_ns;
		row->rate = rate(watch, node->bytes,
				 node_bytes_before(watch, node));
		row->laps = node->laps;
		row->latency_count = node->latency_count;
		row->latency_p50_ns = node->latency_p50_ns;
		row->latency_p99_ns = node->latency_p99_ns;
		row->latency_max_ns = node->latency_max_ns;
	}
	return 0;
}

/* ---- Order ------------------------------------------------------------- */

static int compare(const struct watch_row *a, const struct watch_row *b,
		   enum watch_sort sort)
{
	switch (sort) {
	case WATCH_BY_LAG:
		return (a->lag < b->lag) - (a->lag > b->lag);
	case WATCH_BY_RATE:
		return (a->rate < b->rate) - (a->rate > b->rate);
	case WATCH_BY_AGE: /* the oldest first */
		return (a->since_realtime_ns > b->since_realtime_ns) -
		       (a->since_realtime_ns < b->since_realtime_ns);
	case WATCH_BY_STATE:
		return strcmp(a->state, b->state);
	}
	return 0;
}

static int in_order(const void *first, const void *second, void *context)
{
	const struct watch_row *a = first;
	const struct watch_row *b = second;
	const struct watch_view *view = context;
	int order = compare(a, b, view->sort);

	if (order != 0)
		return view->inverted ? -order : order;
	return (a->slot > b->slot) - (a->slot < b->slot);
}

void watch_sort(struct watch *watch)
{
	if (watch->peers.count > 1)
		qsort_r(watch->peers.rows, watch->peers.count,
			sizeof(*watch->peers.rows), in_order, &watch->view);
	if (watch->nodes.count > 1)
		qsort_r(watch->nodes.rows, watch->nodes.count,
			sizeof(*watch->nodes.rows), in_order, &watch->view);
}

/* ---- All together ------------------------------------------------------ */

static void note_death(struct watch *watch)
{
	const struct bcast_stream_info *s = &watch->now.stream;

	if (s->writer_alive)
		watch->dead_since_ns = 0;
	else if (watch->dead_since_ns == 0 &&
		 s->heartbeat_age_ns < watch->realtime_ns)
		watch->dead_since_ns = watch->realtime_ns - s->heartbeat_age_ns;
}

int watch_look(struct watch *watch)
{
	int ret;

	find(watch);
	if (!watch->monitor)
		return watch->gone ? -ENOENT : watch->problem;
	ret = snapshot(watch);
	if (ret < 0)
		return ret;
	/* one that came between stat() and open() is opened twice */
	if (watch->before.stream.epoch == watch->now.stream.epoch)
		watch->another = false;
	if (watch->another)
		watch->dead_since_ns = 0;
	note_death(watch);
	if (watch->has_before)
		watch_compare(watch);
	/* of two segments, nothing can be subtracted */
	if (watch->another)
		watch->has_before = false;
	measure(watch);
	ret = add_peers(watch);
	if (ret == 0)
		ret = add_nodes(watch);
	if (ret < 0)
		return ret;
	watch->has_before = true;
	watch->has_closed = true;
	watch_sort(watch);
	return 0;
}

void watch_free(struct watch *watch)
{
	drop(watch);
	shmstat_free(&watch->now);
	shmstat_free(&watch->before);
	free(watch->peers.rows);
	free(watch->nodes.rows);
	memset(watch, 0, sizeof(*watch));
}
