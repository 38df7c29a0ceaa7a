/* SPDX-License-Identifier: MIT */
/* session_span.c - see session_span.h. */
#include <bcast/monitor.h>

#include "shm/record.h"
#include "shm/record_index.h"
#include "src/filter.h"
#include "src/rates.h"
#include "src/session.h"
#include "src/session_span.h"

/* So many headers are looked at to find where a span may end. */
#define SPAN_RECORDS 1024u
#define SPAN_BYTES   (UINT64_C(1) << 20)

/* Where the next span may end: at the tail, or some records on. */
static uint64_t choose_end(struct lane *lane, struct bc_conn *conn)
{
	const struct bc_ring *ring = &lane->segment->ring;
	uint64_t cursor = conn->cursor;
	uint64_t most = ring->capacity / 16;
	uint64_t at;

	if (most > SPAN_BYTES)
		most = SPAN_BYTES;
	/* nothing can be told to it until all of a span has been sent */
	most = rates_at_once(lane, conn, CONFIG_RATE_EGRESS, most);
	if (filter_is_on(conn))
		return filter_span(lane, conn, most);
	if (lane->tail - cursor <= most)
		return lane->tail;
	at = bc_record_index_boundary(lane->segment, cursor, cursor + most);
	if (at != 0)
		return at;
	at = cursor;
	for (unsigned i = 0; i < SPAN_RECORDS && at - cursor < most; i++)
		at += bcast_packet_size(
			bc_record_length(bc_record_at(ring, at)));
	/* only if somebody has written over the ring */
	return at <= lane->tail ? at : lane->tail;
}

uint64_t session_span(struct lane *lane, struct bc_conn *conn)
{
	struct session *session = conn->session;

	if (conn->role != BCAST_ROLE_RECEIVER || session->skips)
		return 0;
	if (conn->cursor == session->span_end &&
	    session->state == SESSION_SERVING) {
		conn->held = 0;
		session->span_end = choose_end(lane, conn);
	}
	return session->span_end - conn->cursor;
}

void session_on_sent(struct lane *lane, struct bc_conn *conn, uint64_t bytes)
{
	struct session *session = conn->session;

	session->spoke_ns = lane->now_ns;
	conn->held = conn->cursor == session->span_end ? 0 : conn->held + bytes;
}
