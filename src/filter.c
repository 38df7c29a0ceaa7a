/* SPDX-License-Identifier: MIT */
/* filter.c - see filter.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/peers.h"
#include "shm/record.h"
#include "src/filter.h"
#include "src/progress.h"
#include "src/session.h"
#include "src/session_tell.h"

int filter_open(struct bc_conn *conn, const struct bc_hello *hello)
{
	struct session *session = conn->session;
	uint16_t length = hello->fixed.key_length;

	if (length == 0)
		return 0;
	session->key = malloc(length);
	if (!session->key)
		return -ENOMEM;
	memcpy(session->key, hello->key, length);
	session->key_length = length;
	return 0;
}

bool filter_is_on(const struct bc_conn *conn)
{
	return conn->session->key_length != 0;
}

/* ---- Looking ----------------------------------------------------------- */

/* What may yet be looked at. */
struct look {
	const struct lane *lane;
	const struct session *session;
	uint32_t records;
	uint64_t end; /* position */
};

/* Size and number of the record at `position`; 0 if there is no more to see. */
static uint64_t look_at(struct look *look, uint64_t position, uint64_t *next)
{
	const struct bc_ring *ring = &look->lane->segment->ring;
	const struct bcast_packet_header *header;
	uint64_t size;

	if (position >= look->end || look->records == 0)
		return 0;
	look->records--;
	header = bc_record_at(ring, position);
	size = bcast_packet_size(bc_record_length(header));
	*next = header->sequence + 1;
	/* only if somebody has written over the ring */
	return size <= look->lane->tail - position
		       ? size
		       : look->lane->tail - position;
}

static bool is_wanted(const struct look *look, uint64_t position)
{
	const struct bcast_packet_header *header =
		bc_record_at(&look->lane->segment->ring, position);
	uint16_t length = look->session->key_length;

	return header->type == BCAST_PACKET_DATA &&
	       header->key_length >= length &&
	       memcmp(header + 1, look->session->key, length) == 0;
}

/* The cursor goes to `position`, where record `sequence` begins. */
static void pass(struct lane *lane, struct bc_conn *conn,
		 struct bc_record_place to)
{
	struct session *session = conn->session;
	const struct bcast_packet_header *first =
		bc_record_at(&lane->segment->ring, conn->cursor);

	if (session->filtered_from.sequence == 0)
		session->filtered_from = (struct bc_record_place){
			.position = conn->cursor,
			.sequence = first->sequence,
		};
	session->filtered_to = to;
	session->span_end = to.position;
	conn->cursor = to.position;
	conn->owed_since_ns = 0;
	atomic_store_explicit(&conn->shown->cursor, to.position,
			      memory_order_relaxed);
	progress_made(lane, conn);
}

static void pass_unwanted(struct lane *lane, struct bc_conn *conn,
			  struct look *look)
{
	struct bc_record_place at = {.position = conn->cursor};
	uint64_t size, next = 0;

	while ((size = look_at(look, at.position, &next)) > 0 &&
	       !is_wanted(look, at.position)) {
		at.position += size;
		at.sequence = next;
	}
	if (at.position > conn->cursor)
		pass(lane, conn, at);
}

static uint64_t run_of_wanted(struct look *look, uint64_t position)
{
	uint64_t size, next;

	while ((size = look_at(look, position, &next)) > 0 &&
	       is_wanted(look, position))
		position += size;
	return position;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t filter_span(struct lane *lane, struct bc_conn *conn,
		     uint64_t bytes_max)
{
	uint32_t records = lane->egress.looks < FILTER_RECORDS
				   ? lane->egress.looks
				   : FILTER_RECORDS;
	struct look look = {
		.lane = lane,
		.session = conn->session,
		.records = records,
		.end = min_u64(lane->tail, conn->cursor + FILTER_BYTES),
	};
	uint64_t end = conn->cursor;

	pass_unwanted(lane, conn, &look);
	look.end = min_u64(lane->tail, conn->cursor + bytes_max);
	if (look.records > 0)
		end = run_of_wanted(&look, conn->cursor);
	lane->egress.looks -= records - look.records;
	if (end <= conn->cursor)
		return conn->cursor;
	if (conn->session->filtered_from.sequence == 0)
		return end;
	filter_tell(lane, conn);
	return conn->cursor;
}

void filter_tell(struct lane *lane, struct bc_conn *conn)
{
	struct session *session = conn->session;
	const struct bcast_gap gap = {
		.from = session->filtered_from.position,
		.to = session->filtered_to.position,
		.from_sequence = session->filtered_from.sequence,
		.to_sequence = session->filtered_to.sequence,
		.reason = BCAST_GAP_FILTERED,
	};

	if (gap.from_sequence == 0)
		return;
	session->filtered_from.sequence = 0;
	session_tell_gap(lane, conn, &gap);
}
