/* SPDX-License-Identifier: MIT */
/*
 * shmstat_read.c - a stream's segment into plain memory, by the public API.
 *
 * All lists are read whichever sections are shown: the totals need most of
 * them, and they cost microseconds. Lists grow by doubling; each is bounded by
 * the size of its region in the segment. The nodes are not part of that: they
 * stand in another object, and looking at them costs system calls.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shmstat.h"

/* Streams may appear between counting and reading: so many are allowed for. */
#define LIST_SLACK 16

/* And receivers between two tries to make a text: not for ever. */
#define MAKE_TRIES 8
#define MAKE_FIRST 65536u

/* A list that is being filled with entries of one size. */
struct list {
	char *entries;
	size_t count;
	size_t room;
	size_t entry_size;
};

static int append(struct list *list, const void *entry)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		char *bigger =
			reallocarray(list->entries, room, list->entry_size);

		if (!bigger)
			return -ENOMEM;
		list->entries = bigger;
		list->room = room;
	}
	memcpy(list->entries + list->count * list->entry_size, entry,
	       list->entry_size);
	list->count++;
	return 0;
}

/* ---- The five lists ---------------------------------------------------- */

static int read_facts(const struct bcast_monitor *monitor, struct shmstat *stat)
{
	struct list list = {.entry_size = sizeof(*stat->facts)};
	struct bcast_fact fact;
	uint32_t next = 0;
	int ret = 0;

	while (ret == 0 && bcast_monitor_fact(monitor, &next, &fact) == 1)
		ret = append(&list, &fact);
	stat->facts = (struct bcast_fact *)(void *)list.entries;
	stat->fact_count = list.count;
	return ret;
}

static int read_peers(const struct bcast_monitor *monitor, struct shmstat *stat)
{
	struct list list = {.entry_size = sizeof(*stat->peers)};
	struct bcast_peer_info peer;
	uint32_t next = 0;
	int ret = 0;

	while (ret == 0 && bcast_monitor_peer(monitor, &next, &peer) == 1)
		ret = append(&list, &peer);
	stat->peers = (struct bcast_peer_info *)(void *)list.entries;
	stat->peer_count = list.count;
	return ret;
}

static int read_closed(const struct bcast_monitor *monitor,
		       const struct shmstat_closed_range *range,
		       struct shmstat *stat)
{
	struct list list = {.entry_size = sizeof(*stat->closed)};
	struct bcast_closed_info closed;
	uint32_t next = 0;
	int ret = 0;

	while (ret == 0 && list.count < range->limit &&
	       bcast_monitor_closed(monitor, &next, &closed) == 1) {
		/* all of it is set, padding too: there is none */
		if (range->until &&
		    memcmp(&closed, range->until, sizeof(closed)) == 0)
			break;
		ret = append(&list, &closed);
	}
	stat->closed = (struct bcast_closed_info *)(void *)list.entries;
	stat->closed_count = list.count;
	return ret;
}

static int newest_first(const void *a, const void *b)
{
	const struct bcast_error_info *one = a, *other = b;

	return (one->last_realtime_ns < other->last_realtime_ns) -
	       (one->last_realtime_ns > other->last_realtime_ns);
}

static int read_errors(const struct bcast_monitor *monitor,
		       struct shmstat *stat)
{
	struct list list = {.entry_size = sizeof(*stat->errors)};
	struct bcast_error_info error;
	uint32_t next = 0;
	int ret = 0;

	while (ret == 0 && bcast_monitor_error(monitor, &next, &error) == 1)
		ret = append(&list, &error);
	stat->errors = (struct bcast_error_info *)(void *)list.entries;
	stat->error_count = list.count;
	if (list.count > 0)
		qsort(stat->errors, list.count, sizeof(error), newest_first);
	return ret;
}

static int read_counters(const struct bcast_monitor *monitor,
			 struct shmstat *stat)
{
	struct list list = {.entry_size = sizeof(*stat->counters)};
	struct bcast_counter_info counter;
	uint32_t next = 0;
	int ret = 0;

	while (ret == 0 && bcast_monitor_counter(monitor, &next, &counter) == 1)
		ret = append(&list, &counter);
	stat->counters = (struct bcast_counter_info *)(void *)list.entries;
	stat->counter_count = list.count;
	return ret;
}

/* ---- All of it --------------------------------------------------------- */

bool shmstat_is_sender(const struct bcast_peer_info *peer)
{
	return peer->role == BCAST_ROLE_SENDER ||
	       peer->role == BCAST_ROLE_WAITING;
}

int shmstat_take(const struct bcast_monitor *monitor,
		 const struct shmstat_closed_range *range, struct shmstat *stat)
{
	int ret;

	memset(stat, 0, sizeof(*stat));
	ret = bcast_monitor_stream(monitor, &stat->stream);
	if (ret == 0)
		ret = bcast_monitor_writer(monitor, &stat->writer);
	if (ret == 0)
		ret = bcast_monitor_summary(monitor, &stat->totals);
	if (ret == 0)
		ret = read_facts(monitor, stat);
	if (ret == 0)
		ret = read_peers(monitor, stat);
	if (ret == 0)
		ret = read_closed(monitor, range, stat);
	if (ret == 0)
		ret = read_errors(monitor, stat);
	if (ret == 0)
		ret = read_counters(monitor, stat);
	return ret;
}

int shmstat_read(const char *name, struct shmstat *stat)
{
	const struct shmstat_closed_range all = {.limit = SIZE_MAX};
	struct bcast_monitor *monitor;
	int ret;

	memset(stat, 0, sizeof(*stat));
	ret = bcast_monitor_open(name, &monitor);
	if (ret < 0)
		return ret;
	ret = shmstat_take(monitor, &all, stat);
	bcast_monitor_close(monitor);
	return ret;
}

void shmstat_free(struct shmstat *stat)
{
	free(stat->facts);
	free(stat->peers);
	free(stat->closed);
	free(stat->errors);
	free(stat->counters);
	nodes_free(&stat->nodes);
	memset(stat, 0, sizeof(*stat));
}

void shmstat_read_nodes(const char *name, struct shmstat *stat)
{
	int ret = nodes_read(name, &stat->nodes);

	if (ret < 0)
		stat->nodes_problem = nodes_problem(name, ret);
}

/* ---- Texts of libbcast's ------------------------------------------------ */

int shmstat_make(shmstat_maker *maker, const struct bcast_monitor *monitor,
		 uint32_t sections, char **text)
{
	size_t size = MAKE_FIRST;
	int64_t length = -EAGAIN;

	for (unsigned i = 0; i < MAKE_TRIES; i++) {
		char *buffer = malloc(size);

		if (!buffer)
			return -ENOMEM;
		length = maker(monitor, sections, buffer, size);
		if (length >= 0 && length < (int64_t)size) {
			*text = buffer;
			return 0;
		}
		free(buffer);
		if (length < 0)
			return (int)length;
		size = (size_t)length + (size_t)length / 4;
	}
	return -EAGAIN;
}

/* ---- All streams ------------------------------------------------------- */

static void list_one(const char *name, struct shmstat_listed *listed)
{
	struct shmstat stat;

	memset(listed, 0, sizeof(*listed));
	memcpy(listed->name, name, sizeof(listed->name));
	listed->error = shmstat_read(name, &stat);
	listed->stream = stat.stream;
	listed->totals = stat.totals;
	shmstat_free(&stat);
}

int shmstat_list(struct shmstat_listed **listed)
{
	char(*names)[BCAST_NAME_MAX + 1];
	int count = bcast_list(NULL, 0);
	int room = count + LIST_SLACK;
	int kept = 0;

	if (count < 0)
		return count;
	names = calloc((size_t)room, sizeof(*names));
	*listed = calloc((size_t)room, sizeof(**listed));
	if (!names || !*listed) {
		free(names);
		free(*listed);
		return -ENOMEM;
	}
	count = bcast_list(names, room);
	for (int i = 0; i < count && i < room; i++) {
		list_one(names[i], &(*listed)[kept]);
		/* it may have ended since its name was read */
		if ((*listed)[kept].error != -ENOENT)
			kept++;
	}
	free(names);
	return count < 0 ? count : kept;
}
