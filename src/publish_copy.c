/* SPDX-License-Identifier: MIT */
/* publish_copy.c - see publish_copy.h. */
#include <errno.h>
#include <stdlib.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "src/commit.h"
#include "src/gating.h"
#include "src/publish_copy.h"
#include "src/publisher.h"
#include "src/rates.h"
#include "src/request.h"
#include "src/session.h"
#include "src/session_input.h"

/*
 * One that fills its buffer gets a larger one. Each receive becomes a send to
 * each receiver: with 64 KiB a receive, 1 KiB records went at half the speed.
 */
#define BUFFER_FIRST ((size_t)64 << 10)
#define BUFFER_MOST  ((size_t)1 << 20)

/* What this turn has put behind the tail. */
struct harvest {
	uint64_t bytes;
	uint64_t records;
	uint64_t most; /* records of the one at hand: its rate */
	uint64_t timestamp_ns;
};

int publish_copy_open(struct daemon *daemon, struct publisher *publisher)
{
	(void)daemon;
	publisher->buffer = malloc(BUFFER_FIRST);
	publisher->buffer_room = BUFFER_FIRST;
	return publisher->buffer ? 0 : -ENOMEM;
}

/* It is empty. Without memory the one that there is will do. */
static void grow(struct publisher *publisher)
{
	unsigned char *grown;

	if (!publisher->buffer_filled || publisher->buffer_room == BUFFER_MOST)
		return;
	grown = malloc(2 * publisher->buffer_room);
	if (!grown)
		return;
	free(publisher->buffer);
	publisher->buffer = grown;
	publisher->buffer_room *= 2;
	publisher->buffer_filled = false;
}

void publish_copy_take(struct publisher *publisher, size_t bytes)
{
	publisher->buffer_filled = bytes == publisher->buffer_room;
	publisher->piece = (struct bc_packet_piece){publisher->buffer, bytes};
}

/* ---- One record -------------------------------------------------------- */

static void copy(struct daemon *daemon, struct publisher *publisher,
		 struct bc_packet_frame *frame, struct harvest *harvest)
{
	struct bc_ring *ring = &daemon->segment.ring;

	publish_stamp(&frame->header, &publisher->rules,
		      daemon->local.sequence + harvest->records,
		      harvest->timestamp_ns);
	harvest->bytes += bc_packet_write(
		bc_ring_address(ring, daemon_tail(daemon) + harvest->bytes),
		&frame->header, frame->payload);
	harvest->records++;
	harvest->most--;
	publisher->taken++;
}

static int take_data(struct daemon *daemon, struct publisher *publisher,
		     struct bc_packet_frame *frame, struct harvest *harvest)
{
	if (frame->header.type != BCAST_PACKET_DATA)
		return -ENOMSG;
	switch (publish_number_of(publisher->taken, frame->header.sequence)) {
	case PUBLISH_NUMBER_GAP:
		return -ERANGE;
	case PUBLISH_NUMBER_DUPLICATE:
		bc_counter_add(daemon->counters, BC_COUNTER_records_duplicate,
			       1);
		return 0;
	case PUBLISH_NUMBER_NEXT:
		break;
	}
	if (!publish_has_checksum(&publisher->rules, &frame->header,
				  frame->payload))
		return -ENOKEY;
	copy(daemon, publisher, frame, harvest);
	return 0;
}

/* ---- One publisher ----------------------------------------------------- */

/*
 * Records of it, for which there is room, until there is no whole one left, or
 * its rate lets us take no more: then what is left stays in the piece.
 */
static int take_all(struct daemon *daemon, struct publisher *publisher,
		    struct harvest *harvest)
{
	struct session *session = publisher->conn->session;
	struct bc_packet_frame frame;
	int ret = 1;

	session->in.limits.data_max = publisher->rules.limits.data_max;
	while (ret >= 0 && publisher_is_live(publisher) && harvest->most > 0) {
		ret = bc_packet_stream_next(&session->in, &publisher->piece,
					    &frame);
		if (ret != 1)
			return ret;
		if (frame.header.type & BCAST_PACKET_CONTROL)
			session_take(&daemon->home, publisher->conn, &frame);
		else
			ret = take_data(daemon, publisher, &frame, harvest);
	}
	return ret < 0 ? ret : 0;
}

/* What has come of a record that is for the ring, as far as is known. */
static uint64_t begun(const struct publisher *publisher)
{
	const struct bc_packet_stream *in = &publisher->conn->session->in;

	/* a MESSAGE may be larger than any record of the stream */
	if (in->have >= BC_RECORD_HEADER &&
	    (in->header.type & BCAST_PACKET_CONTROL) != 0)
		return 0;
	return in->have;
}

static void receive(struct daemon *daemon, struct publisher *publisher)
{
	struct bc_conn *conn = publisher->conn;
	uint64_t size = commit_read_size(daemon, begun(publisher));

	if (daemon->phase != DAEMON_RUNNING || publisher->piece.size > 0 ||
	    (conn->in_flight & BC_CONN_PUBLISH) || publisher->error < 0 ||
	    !publisher_is_live(publisher))
		return;
	grow(publisher);
	if (size > publisher->buffer_room)
		size = publisher->buffer_room;
	size = commit_bytes_allowed(daemon, publisher, size);
	if (size == 0)
		return;
	if (request_publish(&daemon->home, conn, publisher->buffer, size) < 0)
		bc_conn_end(&daemon->home.conns, conn, BCAST_CLOSE_RESET,
			    -ENOMEM);
}

/* The most that its whole records can take up: all that has come. */
static uint64_t most_of(const struct publisher *publisher)
{
	return begun(publisher) + publisher->piece.size;
}

/* There is room for all of it. */
static void harvest_from(struct daemon *daemon, struct publisher *publisher,
			 struct harvest *harvest)
{
	uint64_t before = harvest->records;

	publisher->error = take_all(daemon, publisher, harvest);
	rates_take(&daemon->home, publisher->conn, CONFIG_RATE_RECORDS,
		   harvest->records - before);
	if (publisher->error < 0 || !publisher_is_live(publisher))
		publisher->piece.size = 0;
}

/* Returns false if there is no room for it now. */
static bool serve(struct daemon *daemon, struct publisher *publisher,
		  struct harvest *harvest)
{
	struct publishing *publishing = &daemon->publishing;
	uint64_t need = harvest->bytes + most_of(publisher) + BC_RECORD_HEADER;

	harvest->most = commit_records_allowed(daemon, publisher);
	if (harvest->most == 0)
		return true; /* it waits, and nobody for it */
	if (harvest->bytes > 0 && need > daemon->limits.record_bytes) {
		publishing->more = true;
		return false;
	}
	if (!commit_may_write(daemon, need)) {
		publishing->held = true;
		return false;
	}
	(void)bc_ring_reserve(&daemon->segment.ring, need);
	harvest_from(daemon, publisher, harvest);
	return true;
}

/* ---- All of them ------------------------------------------------------- */

static void serve_all(struct daemon *daemon, struct harvest *harvest)
{
	struct publishing *publishing = &daemon->publishing;
	uint32_t count = publishing->count;
	uint32_t first = publishing->next;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = (first + i) % count;
		struct publisher *publisher = publishing->all[index];

		if (publisher->piece.size > 0 &&
		    !serve(daemon, publisher, harvest)) {
			publishing->next = index;
			return;
		}
		receive(daemon, publisher);
	}
	publishing->next = (first + 1) % count;
}

/* Behind the tail: they are told first what is published, and then why not. */
static void refuse_the_wrong(struct daemon *daemon)
{
	const struct publishing *publishing = &daemon->publishing;

	for (uint32_t i = 0; i < publishing->count; i++) {
		struct publisher *publisher = publishing->all[i];

		if (publisher->error == 0)
			continue;
		commit_refuse(daemon, publisher, publisher->error);
		publisher->error = 0;
	}
}

bool publish_copy_turn(struct daemon *daemon)
{
	struct publishing *publishing = &daemon->publishing;
	struct harvest harvest = {.timestamp_ns = bc_realtime_ns()};
	struct bc_record_place to;

	if (publishing->count == 0)
		return false;
	publishing->held = false;
	publishing->more = false;
	serve_all(daemon, &harvest);
	to = (struct bc_record_place){
		daemon_tail(daemon) + harvest.bytes,
		daemon->local.sequence + harvest.records,
	};
	if (harvest.bytes > 0)
		commit_flush(daemon, to);
	refuse_the_wrong(daemon);
	return harvest.bytes > 0;
}
