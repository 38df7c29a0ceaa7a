/* SPDX-License-Identifier: MIT */
/*
 * client_event.c - reader.h's reader as a descriptor, for event loops.
 *
 * bcast_event_arm() does what bcast_wait() does before it sleeps (be counted,
 * fence, a last look), then leaves the sleeping to a thread (word_watch.h). At
 * each wake the thread judges by a copy of where the reader stands whether that
 * is news, so the application is not woken for publications that it has
 * consumed already, nor ten times a second to look after the writer: the
 * thread does. What it judges by is written only while no arming is in force.
 *
 * Who is counted among the sleepers makes a local publisher pay for a wake at
 * each publication; so the count is given back at once by whoever ends the
 * arming: the thread as it fires, the reader as it disarms. One arming at a
 * time, and no bcast_wait() beside it: a node's slot says of one sleeper only
 * that it is asleep, and by that it is taken out if the process dies.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/client_parts.h"
#include "shm/client_report.h"
#include "shm/clock.h"
#include "shm/record.h"
#include "shm/word_watch.h"

#define LIVENESS_SLICE_NS ((uint64_t)(100 * BC_NS_PER_MS))

struct bc_client_event {
	struct bc_word_watch watch;
	/* the thread's while armed, else the reader's */
	const struct bc_segment *segment;
	struct bc_node_report *report; /* counted among the sleepers; or NULL */
	uint64_t position;
	uint64_t sequence; /* packets: of the record there; 0: not known */
	bool packets;
	uint64_t next_check_ns; /* when to ask for the owner */
};

static bool is_ours(const struct bc_client_event *event)
{
	return event->watch.owner == getpid();
}

static void count_no_more(struct bc_client_event *event)
{
	if (event->report)
		bc_node_report_awake(event->report);
	event->report = NULL;
}

/* ---- The thread -------------------------------------------------------- */

static bool has_record(const struct bc_client_event *event)
{
	const struct bc_ring *ring = &event->segment->ring;
	uint64_t sequence = event->sequence;

	if (sequence == 0) {
		struct bc_record_place tail = bc_record_tail(ring);

		if (tail.position == event->position)
			sequence = tail.sequence;
	}
	return sequence != 0 &&
	       bc_record_is_shown(ring, event->position, sequence,
				  bc_record_rule(ring));
}

/* Would a reading function have anything to say? */
static bool has_news(const struct bc_client_event *event)
{
	const struct bc_ring *ring = &event->segment->ring;

	if (bc_segment_state(event->segment) == BC_STATE_CLOSED)
		return true;
	if (!event->packets)
		return bc_ring_tail(ring) != event->position;
	/* shown by header, we may be ahead of the tail */
	return bc_ring_tail(ring) > event->position || has_record(event) ||
	       !bc_ring_intact(ring, event->position);
}

/* While the owner is missed the reader is told each time, and counts it out. */
static bool misses_owner(struct bc_client_event *event)
{
	uint64_t now_ns = bc_monotonic_ns();

	if (now_ns < event->next_check_ns)
		return false;
	event->next_check_ns = now_ns + LIVENESS_SLICE_NS;
	if (event->report)
		bc_node_report_beat(event->report);
	return bc_segment_owner_alive(event->segment) != 1;
}

static int64_t slice_of(const struct bc_client_event *event)
{
	uint64_t slice_ns =
		bc_client_poll_sleepy(event->segment, event->report != NULL);

	return (int64_t)(slice_ns < LIVENESS_SLICE_NS ? slice_ns
						      : LIVENESS_SLICE_NS);
}

static bool judge(void *argument, uint32_t *seen, int64_t *timeout_ns)
{
	struct bc_client_event *event = argument;
	const bc_u32 *count = &event->segment->ring.head->publish_count;

	/* before the look: see notify.h */
	*seen = atomic_load_explicit(count, memory_order_acquire);
	*timeout_ns = slice_of(event);
	if (!has_news(event) && !misses_owner(event))
		return false;
	count_no_more(event);
	return true;
}

/* ---- The reader -------------------------------------------------------- */

int bcast_event_fd(struct bcast_reader *reader)
{
	struct bc_client_event *event = reader->event;
	int ret;

	if (event)
		return is_ours(event) ? bc_word_watch_fd(&event->watch)
				      : -ECHILD;
	event = calloc(1, sizeof(*event));
	if (!event)
		return -ENOMEM;
	ret = bc_word_watch_open(&event->watch);
	if (ret < 0) {
		free(event);
		return ret;
	}
	event->segment = &reader->segment;
	event->packets = reader->packets;
	reader->event = event;
	return bc_word_watch_fd(&event->watch);
}

void bc_client_event_disarm(struct bcast_reader *reader)
{
	struct bc_client_event *event = reader->event;

	if (!event || !is_ours(event))
		return;
	(void)bc_word_watch_disarm(&event->watch);
	count_no_more(event);
}

/* As in client_wait.c, up to the sleep. */
static int look_and_arm(struct bcast_reader *reader)
{
	struct bc_client_event *event = reader->event;
	const bc_u32 *count = &reader->ring.head->publish_count;
	/* before the look: see notify.h */
	uint32_t seen = atomic_load_explicit(count, memory_order_acquire);
	int64_t slice_ns;
	uint64_t length;
	int ret;

	event->report = reader->report;
	if (event->report)
		bc_node_report_asleep(event->report);
	slice_ns = slice_of(event);
	ret = bc_client_look(reader, &length);
	if (ret != 0) {
		count_no_more(event);
		return ret;
	}
	event->position = reader->position;
	event->sequence = reader->sequence;
	event->next_check_ns = reader->next_check_ns;
	reader->waits++;
	reader->parks++;
	bc_word_watch_arm_judged(&event->watch, count, seen, slice_ns, judge,
				 event);
	return 0;
}

int bcast_event_arm(struct bcast_reader *reader)
{
	int ret;

	if (!reader->event)
		return -EINVAL;
	if (!is_ours(reader->event))
		return -ECHILD;
	bc_client_event_disarm(reader);
	ret = bc_client_poll(reader);
	if (ret == 0)
		ret = look_and_arm(reader);
	if (ret == 0 && reader->report)
		bc_node_report_waited(reader->report, reader->waits,
				      reader->parks);
	return ret;
}

void bc_client_event_unbind(struct bcast_reader *reader)
{
	struct bc_client_event *event = reader->event;

	if (!event || !is_ours(event) || !event->report)
		return;
	bc_client_event_disarm(reader);
	/* at once: the next arming will be that of a plain reader */
	bc_word_watch_arm(&event->watch, &reader->ring.head->publish_count, 0,
			  0);
}

void bc_client_event_close(struct bcast_reader *reader)
{
	struct bc_client_event *event = reader->event;

	if (!event)
		return;
	bc_client_event_disarm(reader);
	bc_word_watch_close(&event->watch);
	free(event);
	reader->event = NULL;
}
