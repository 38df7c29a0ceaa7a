/* SPDX-License-Identifier: MIT */
/*
 * client_monitor.c - monitor.h: look at a stream from outside.
 *
 * The daemon that writes these pages may be of any state of health, so nothing
 * read here is trusted further than to be shown: texts are cut and cleaned,
 * numbers are copied.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/client_writer.h"
#include "shm/clock.h"
#include "shm/last_words.h"
#include "shm/node_table.h"
#include "shm/record.h"
#include "shm/segment.h"
#include "shm/text.h"

#define TAIL_TRIES 100

struct bcast_monitor {
	struct bc_segment segment;
};

int bcast_monitor_open(const char *name, struct bcast_monitor **monitor)
{
	struct bcast_monitor *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return -ENOMEM;
	ret = bc_segment_attach(&made->segment, name, BC_VIEW_CONTROL);
	if (ret < 0) {
		free(made);
		return ret;
	}
	*monitor = made;
	return 0;
}

void bcast_monitor_close(struct bcast_monitor *monitor)
{
	if (!monitor)
		return;
	bc_segment_close(&monitor->segment);
	free(monitor);
}

static uint64_t get(const bc_u64 *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

static uint32_t get32(const bc_u32 *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

static uint64_t age_ns(uint64_t then_ns)
{
	uint64_t now_ns = bc_monotonic_ns();

	return now_ns > then_ns ? now_ns - then_ns : 0;
}

static void stream_owner(const struct bc_owner_shm *owner,
			 struct bcast_stream_info *info)
{
	info->incarnation = get32(&owner->incarnation);
	info->owner_pid = get32(&owner->pid);
	info->started_realtime_ns = get(&owner->started_realtime_ns);
	info->ended_realtime_ns = get(&owner->ended_realtime_ns);
	info->heartbeat_age_ns = age_ns(get(&owner->heartbeat_ns));
	info->max_receivers = get32(&owner->max_receivers);
	info->end_signal = get32(&owner->end_reason);
}

static void stream_last_words(const struct bc_segment *segment,
			      struct bcast_stream_info *info)
{
	struct bc_last_words words;

	bc_last_words_read(segment, &words);
	info->fatal_incarnation = words.incarnation;
	info->fatal_signal = words.signal;
	info->fatal_realtime_ns = words.realtime_ns;
	memcpy(info->fatal_text, words.text, sizeof(info->fatal_text));
}

/* The tail, with its number unless it never stands still. */
static void stream_tail(const struct bc_ring *ring,
			struct bcast_stream_info *info)
{
	struct bc_record_place tail = bc_record_tail(ring);

	for (unsigned i = 0; i < TAIL_TRIES && tail.sequence == 0; i++)
		tail = bc_record_tail(ring);
	info->tail = tail.position;
	if (info->format == BCAST_FORMAT_PACKET)
		info->sequence = tail.sequence;
}

static void stream_rights(const struct bc_segment *segment,
			  struct bcast_stream_info *info)
{
	struct bc_segment_rights rights = {.owner = (uid_t)-1,
					   .group = (gid_t)-1};

	(void)bc_segment_rights(segment, &rights); /* fails on a bad fd only */
	info->owner_uid = rights.owner;
	info->group_gid = rights.group;
	info->mode = rights.mode;
}

int bcast_monitor_stream(const struct bcast_monitor *monitor,
			 struct bcast_stream_info *info)
{
	const struct bc_segment *segment = &monitor->segment;
	const struct bc_control_shm *control = segment->control;

	memset(info, 0, sizeof(*info));
	memcpy(info->name, segment->name, sizeof(info->name));
	info->epoch = control->identity.epoch;
	info->format = control->identity.format;
	info->created_realtime_ns = control->identity.created_realtime_ns;
	info->capacity = segment->ring.capacity;
	info->segment_size = segment->segment_size;
	info->state = bc_segment_state(segment);
	info->writer_alive = bc_segment_owner_alive(segment) == 1;
	stream_owner(&control->owner, info);
	stream_last_words(segment, info);
	stream_rights(segment, info);
	stream_tail(&segment->ring, info);
	info->reserved = get(&control->head.reserved);
	info->oldest = bc_ring_oldest(&segment->ring);
	if (info->oldest > info->tail)
		info->oldest = info->tail;
	info->publishes = get32(&control->head.publish_count);
	info->peer_slots = segment->regions[BC_REGION_PEERS].count;
	return 0;
}

int bcast_monitor_writer(const struct bcast_monitor *monitor,
			 struct bcast_writer_info *info)
{
	const struct bc_segment *segment = &monitor->segment;
	struct bc_node_table table;
	bool known = bc_node_table_attach(&table, segment->name, false) == 0;

	bc_client_writer_info(segment, known ? &table : NULL, info);
	if (known)
		bc_node_table_detach(&table);
	return 0;
}

int bcast_monitor_counter(const struct bcast_monitor *monitor, uint32_t *next,
			  struct bcast_counter_info *info)
{
	const struct bc_region *region =
		&monitor->segment.regions[BC_REGION_COUNTERS];
	const struct bc_counter_shm *counters =
		(const struct bc_counter_shm *)(const void *)region->base;
	const struct bc_counter_shm *from;

	if (*next >= region->count || counters[*next].name[0] == '\0')
		return 0;
	from = &counters[(*next)++];
	memset(info, 0, sizeof(*info));
	bc_text_get(info->name, sizeof(info->name), from->name,
		    sizeof(from->name));
	bc_text_get(info->unit, sizeof(info->unit), from->unit,
		    sizeof(from->unit));
	bc_text_get(info->help, sizeof(info->help), from->help,
		    sizeof(from->help));
	info->kind = from->kind;
	info->value = get(&from->value);
	return 1;
}

static void peer_numbers(const struct bc_peer_shm *from, uint64_t tail,
			 struct bcast_peer_info *info)
{
	info->cursor = get(&from->cursor);
	info->lag_max = get(&from->lag_max);
	info->start_position = get(&from->start_position);
	info->bytes = get(&from->bytes);
	info->operations = get(&from->operations);
	info->short_sends = get(&from->short_sends);
	info->discarded = get(&from->discarded);
	info->skipped = get(&from->skipped);
	info->connected_realtime_ns = get(&from->connected_realtime_ns);
	info->idle_ns = age_ns(get(&from->last_progress_ns));
	info->zerocopy = get32(&from->zerocopy);
	/* the two are not read at one moment */
	info->held = get(&from->release);
	info->held = info->held < info->cursor ? info->cursor - info->held : 0;
	if (info->role == BCAST_ROLE_RECEIVER && tail > info->cursor)
		info->lag = tail - info->cursor;
}

int bcast_monitor_peer(const struct bcast_monitor *monitor, uint32_t *next,
		       struct bcast_peer_info *info)
{
	const struct bc_region *region =
		&monitor->segment.regions[BC_REGION_PEERS];
	const struct bc_peer_shm *peers =
		(const struct bc_peer_shm *)(const void *)region->base;

	while (*next < region->count) {
		const struct bc_peer_shm *from = &peers[*next];
		struct bc_peer_shm copy;
		/* pairs with the release store in bc_peers_open() */
		uint32_t role =
			atomic_load_explicit(&from->role, memory_order_acquire);

		(*next)++;
		if (role == 0 || !bc_text_snapshot(&copy, from, sizeof(copy),
						   &from->sequence))
			continue;
		memset(info, 0, sizeof(*info));
		info->slot = *next - 1;
		info->role = role;
		bc_text_get(info->peer, sizeof(info->peer), copy.peer,
			    sizeof(copy.peer));
		bc_text_get(info->local, sizeof(info->local), copy.local,
			    sizeof(copy.local));
		peer_numbers(from, bc_ring_tail(&monitor->segment.ring), info);
		return 1;
	}
	return 0;
}

/* One more than the number of the newest entry; 0 if there is none. */
static uint64_t closed_end(const struct bc_closed_shm *closed, uint32_t count)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < count; i++)
		if (get32(&closed[i].sequence) != 0 && closed[i].number >= end)
			end = closed[i].number + 1;
	return end;
}

int bcast_monitor_closed(const struct bcast_monitor *monitor, uint32_t *next,
			 struct bcast_closed_info *info)
{
	const struct bc_region *region =
		&monitor->segment.regions[BC_REGION_CLOSED];
	const struct bc_closed_shm *closed =
		(const struct bc_closed_shm *)(const void *)region->base;
	uint64_t end = closed_end(closed, region->count);

	while (*next < region->count && *next < end) {
		const struct bc_closed_shm *from =
			&closed[(end - 1 - *next) % region->count];
		struct bc_closed_shm copy;

		(*next)++;
		if (!bc_text_snapshot(&copy, from, sizeof(copy),
				      &from->sequence))
			continue;
		memset(info, 0, sizeof(*info));
		info->role = copy.role;
		info->reason = copy.reason;
		info->error = copy.error;
		bc_text_get(info->peer, sizeof(info->peer), copy.peer,
			    sizeof(copy.peer));
		info->cursor = copy.cursor;
		info->lag = copy.lag;
		info->bytes = copy.bytes;
		info->connected_realtime_ns = copy.connected_realtime_ns;
		info->closed_realtime_ns = copy.closed_realtime_ns;
		return 1;
	}
	return 0;
}

int bcast_monitor_fact(const struct bcast_monitor *monitor, uint32_t *next,
		       struct bcast_fact *fact)
{
	const struct bc_region *region =
		&monitor->segment.regions[BC_REGION_FACTS];
	const struct bc_fact_shm *facts =
		(const struct bc_fact_shm *)(const void *)region->base;

	while (*next < region->count) {
		const struct bc_fact_shm *from = &facts[(*next)++];
		struct bc_fact_shm copy;

		if (!bc_text_snapshot(&copy, from, sizeof(copy),
				      &from->sequence) ||
		    copy.key[0] == '\0')
			continue;
		bc_text_get(fact->key, sizeof(fact->key), copy.key,
			    sizeof(copy.key));
		bc_text_get(fact->value, sizeof(fact->value), copy.value,
			    sizeof(copy.value));
		return 1;
	}
	return 0;
}

int bcast_monitor_error(const struct bcast_monitor *monitor, uint32_t *next,
			struct bcast_error_info *info)
{
	const struct bc_region *region =
		&monitor->segment.regions[BC_REGION_ERRORS];
	const struct bc_error_shm *errors =
		(const struct bc_error_shm *)(const void *)region->base;

	while (*next < region->count) {
		const struct bc_error_shm *from = &errors[(*next)++];
		struct bc_error_shm copy;

		if (!bc_text_snapshot(&copy, from, sizeof(copy),
				      &from->sequence) ||
		    copy.event[0] == '\0')
			continue;
		memset(info, 0, sizeof(*info));
		info->level = copy.level;
		bc_text_get(info->event, sizeof(info->event), copy.event,
			    sizeof(copy.event));
		bc_text_get(info->text, sizeof(info->text), copy.text,
			    sizeof(copy.text));
		info->count = get(&copy.count);
		info->first_realtime_ns = get(&copy.first_realtime_ns);
		info->last_realtime_ns = get(&copy.last_realtime_ns);
		return 1;
	}
	return 0;
}

/* ---- Totals ------------------------------------------------------------ */

static void add_counter(const struct bcast_counter_info *counter,
			struct bcast_summary_info *info)
{
	const struct {
		const char *name;
		uint64_t *to;
	} wanted[] = {
		{"bytes_in", &info->bytes_in},
		{"bytes_out", &info->bytes_out},
		{"receives", &info->receives},
		{"sends", &info->sends},
		{"short_sends", &info->short_sends},
		{"receivers_dropped", &info->dropped},
		{"receivers_refused", &info->refused},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strcmp(counter->name, wanted[i].name) == 0)
			*wanted[i].to = counter->value;
}

int bcast_monitor_summary(const struct bcast_monitor *monitor,
			  struct bcast_summary_info *info)
{
	struct bcast_counter_info counter;
	struct bcast_peer_info peer;
	uint32_t next = 0;

	memset(info, 0, sizeof(*info));
	while (bcast_monitor_counter(monitor, &next, &counter) == 1)
		add_counter(&counter, info);
	next = 0;
	while (bcast_monitor_peer(monitor, &next, &peer) == 1) {
		if (peer.role == BCAST_ROLE_SENDER ||
		    peer.role == BCAST_ROLE_WAITING) {
			info->senders++;
			continue;
		}
		info->receivers++;
		if (peer.lag > info->lag_max)
			info->lag_max = peer.lag;
	}
	return 0;
}
