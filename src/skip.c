/* SPDX-License-Identifier: MIT */
/* skip.c - see skip.h. */
#include <bcast/monitor.h>

#include "shm/peers.h"
#include "shm/record.h"
#include "shm/record_index.h"
#include "src/filter.h"
#include "src/log.h"
#include "src/session.h"
#include "src/session_tell.h"
#include "src/skip.h"

/*
 * Where the first record begins of which nothing has been sent; its span's
 * beginning is still there to walk from. Position 0: the ring is damaged.
 */
static struct bc_record_place next_whole(const struct lane *lane,
					 const struct bc_conn *conn)
{
	const struct bc_ring *ring = &lane->segment->ring;
	struct bc_record_place at = {.position = conn->cursor - conn->held};

	at.sequence = bc_record_at(ring, at.position)->sequence;
	while (at.position < conn->cursor) {
		const struct bcast_packet_header *header =
			bc_record_at(ring, at.position);

		at.position += bcast_packet_size(bc_record_length(header));
		at.sequence = header->sequence + 1;
	}
	if (at.position > conn->session->span_end)
		at.position = 0;
	return at;
}

/* False: it cannot go on. */
static bool keep_rest(struct lane *lane, struct bc_conn *conn,
		      struct bc_record_place next)
{
	struct session *session = conn->session;
	uint64_t size = next.position - conn->cursor;

	if (next.position == 0 || lane->rests_bytes + size > SKIP_RESTS_MAX ||
	    outbox_add_first(
		    &session->outbox,
		    bc_ring_address(&lane->segment->ring, conn->cursor),
		    size) < 0)
		return false;
	session->rest_bytes = size;
	lane->rests_bytes += size;
	return true;
}

static void move_on(struct lane *lane, struct bc_conn *conn)
{
	uint64_t bytes = lane->tail - conn->cursor;

	conn->cursor = lane->tail;
	conn->held = 0;
	conn->owed_since_ns = 0;
	conn->session->span_end = lane->tail;
	bc_peers_add(&conn->shown->skipped, bytes);
	atomic_store_explicit(&conn->shown->cursor, lane->tail,
			      memory_order_relaxed);
	bc_peers_set_release(conn->shown, bc_conn_floor(conn));
	bc_tally_add(&lane->tally, BC_COUNTER_skipped_bytes, bytes);
}

static void begin(struct lane *lane, struct bc_conn *conn)
{
	struct session *session = conn->session;
	struct bc_record_place next = next_whole(lane, conn);

	filter_tell(lane, conn);
	if (conn->cursor != next.position && !keep_rest(lane, conn, next)) {
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_SLOW, 0);
		return;
	}
	session->skips = true;
	lane_look_soon(lane, conn);
	session->skip_from = next;
	conn->cursor = next.position;
	bc_tally_add(&lane->tally, BC_COUNTER_receivers_skips, 1);
	log_event(LOG_LEVEL_WARN, "receiver_skipped",
		  "peer=%s skipped_bytes=%llu position=%llu", conn->peer,
		  (unsigned long long)(lane->tail - next.position),
		  (unsigned long long)lane->tail);
}

void skip_client(struct lane *lane, struct bc_conn *conn)
{
	conn->skip = false;
	if (!conn->session->skips)
		begin(lane, conn);
	if (conn->state != BC_CONN_OPEN)
		return;
	move_on(lane, conn);
	skip_land(lane, conn);
}

void skip_land(struct lane *lane, struct bc_conn *conn)
{
	struct session *session = conn->session;
	struct bc_record_place to;

	if (!session->skips || session->state != SESSION_SERVING ||
	    !outbox_is_empty(&session->outbox))
		return;
	session_drop_rest(lane, session);
	move_on(lane, conn);
	/* of a place that is just being written over, in a while */
	if (bc_record_index_exact(lane->segment, conn->cursor, &to) < 0)
		return;
	session->skips = false;
	session_tell_gap(lane, conn,
			 &(struct bcast_gap){
				 .from = session->skip_from.position,
				 .to = to.position,
				 .from_sequence = session->skip_from.sequence,
				 .to_sequence = to.sequence,
				 .reason = BCAST_GAP_SKIPPED,
			 });
}
