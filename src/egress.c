/* SPDX-License-Identifier: MIT */
/* egress.c - see egress.h. */
#include <errno.h>
#include <sys/socket.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/peers.h"
#include "src/egress.h"
#include "src/filter.h"
#include "src/log.h"
#include "src/progress.h"
#include "src/rates.h"
#include "src/request.h"
#include "src/send_queue.h"
#include "src/session.h"
#include "src/session_beat.h"
#include "src/session_span.h"
#include "src/session_speak.h"
#include "src/slow.h"
#include "src/zerocopy.h"

#define SENDS_PER_TURN 256u
#define SEND_BYTES_MAX (UINT64_C(1) << 20)
#define DISCARD_BYTES  (256u * 1024u)

/* ---- Coming and going -------------------------------------------------- */

static void watch(struct lane *lane, struct bc_conn *conn)
{
	(void)request_watch(lane, conn, &lane->egress.watch_byte);
}

void egress_join(struct lane *lane, struct bc_conn *conn, uint64_t position)
{
	conn->role = BCAST_ROLE_RECEIVER;
	conn->cursor = position;
	progress_begin(lane, conn);
	send_queue_nudge(lane, conn);
	lane_look_soon(lane, conn);
	if (!conn->session)
		watch(lane, conn);
	bc_tally_add(&lane->tally, BC_COUNTER_receivers_joined, 1);
	bc_tally_add(&lane->tally, BC_COUNTER_receivers, 1);
	log_event(LOG_LEVEL_INFO, "receiver_joined", "peer=%s position=%llu",
		  conn->peer, (unsigned long long)conn->cursor);
}

void egress_remove(struct lane *lane, struct bc_conn *conn)
{
	send_queue_remove(lane, conn);
	progress_end(lane, conn);
	if (conn->half_closed)
		lane->egress.half_closed--;
	/* one less */
	bc_tally_add(&lane->tally, BC_COUNTER_receivers, UINT64_MAX);
}

/* ---- Sending ----------------------------------------------------------- */

static void send_next(struct lane *lane, struct bc_conn *conn)
{
	uint64_t size = conn->session ? session_span(lane, conn)
				      : lane->tail - conn->cursor;
	const void *bytes = bc_ring_address(&lane->segment->ring, conn->cursor);
	int ret;

	if (size == 0) {
		if (conn->session)
			send_queue_postpone(lane, conn);
		else
			send_queue_put(lane, conn);
		return;
	}
	if (size > SEND_BYTES_MAX)
		size = SEND_BYTES_MAX;
	size = rates_allow(lane, conn, CONFIG_RATE_EGRESS, size);
	if (size == 0) {
		/* it is us who send nothing */
		conn->owed_since_ns = 0;
		conn->overdue = false;
		send_queue_hold(lane, conn);
		return;
	}
	conn->offered = size;
	if (conn->owed_since_ns == 0)
		conn->owed_since_ns = lane->now_ns;
	if (zerocopy_suits(lane, conn, size))
		ret = zerocopy_send(lane, conn, bytes, size);
	else
		ret = request_send(lane, conn, bytes, size);
	if (ret < 0)
		send_queue_put(lane, conn);
	else
		lane->egress.sending++;
}

/* What stands between the records. */
static void tell(struct lane *lane, struct bc_conn *conn)
{
	if (session_speak(lane, conn) == 0)
		lane->egress.sending++;
	else
		send_queue_put(lane, conn);
}

void egress_pump(struct lane *lane)
{
	struct bc_conn *conn;

	lane->egress.looks = FILTER_RECORDS_LANE;
	send_queue_begin_turn(lane);
	for (unsigned i = 0; i < SENDS_PER_TURN; i++) {
		conn = send_queue_next(lane);
		if (!conn)
			break;
		if (conn->session && session_has_words(conn))
			tell(lane, conn);
		else
			send_next(lane, conn);
	}
	send_queue_end_turn(lane);
}

uint64_t egress_headway(struct lane *lane)
{
	uint64_t half = lane->limits->pace_bytes / 2;

	if (lane->tail - lane->egress.floor <= half)
		return half;
	progress_refresh(lane);
	return lane->tail - lane->egress.floor > half ? 0 : half;
}

static void count_sent(struct lane *lane, struct bc_conn *conn, uint64_t bytes)
{
	bc_peers_max(&conn->shown->lag_max, lane->tail - conn->cursor);
	conn->cursor += bytes;
	conn->bytes += bytes;
	rates_take(lane, conn, CONFIG_RATE_EGRESS, bytes);
	if (conn->session)
		session_on_sent(lane, conn, bytes);
	conn->owed_since_ns = 0;
	conn->overdue = false;
	bc_peers_progress(conn->shown, conn->cursor, bytes, lane->now_ns);
	progress_made(lane, conn);
	bc_tally_add(&lane->tally, BC_COUNTER_bytes_out, bytes);
	bc_tally_add(&lane->tally, BC_COUNTER_sends, 1);
	if (bytes < conn->offered) {
		bc_peers_add(&conn->shown->short_sends, 1);
		bc_tally_add(&lane->tally, BC_COUNTER_short_sends, 1);
	}
}

void egress_on_sent(struct lane *lane, struct bc_conn *conn, int result)
{
	lane->egress.sending--;
	if (conn->session && conn->session->speaking) {
		session_on_spoken(lane, conn, result);
		send_queue_nudge(lane, conn);
		return;
	}
	if (conn->role != BCAST_ROLE_RECEIVER)
		return; /* it became the sender meanwhile */
	if (result > 0)
		count_sent(lane, conn, (uint64_t)result);
	if (conn->state != BC_CONN_OPEN)
		return;
	if (result < 0 && result != -ECANCELED && result != -EINTR &&
	    result != -EAGAIN) {
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_RESET, result);
		return;
	}
	if (conn->skip)
		slow_go_live(lane, conn);
	send_queue_nudge(lane, conn);
}

/* ---- What receivers send us -------------------------------------------- */

enum egress_news egress_on_watch(struct lane *lane, struct bc_conn *conn,
				 int result)
{
	if (conn->state != BC_CONN_OPEN || conn->role != BCAST_ROLE_RECEIVER)
		return EGRESS_NO_NEWS;
	if (result > 0)
		return EGRESS_HAS_SENT;
	if (result == 0) {
		conn->half_closed = true;
		lane->egress.half_closed++;
		return EGRESS_HALF_CLOSED;
	}
	if (result == -EAGAIN || result == -EINTR)
		watch(lane, conn);
	else
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_RESET, result);
	return EGRESS_NO_NEWS;
}

void egress_on_settled(struct lane *lane, struct bc_conn *conn)
{
	/* if what it has sent was left unread until now: roles.c */
	if (conn->state == BC_CONN_OPEN && conn->role == BCAST_ROLE_RECEIVER &&
	    !conn->half_closed &&
	    (conn->in_flight & (BC_CONN_WATCH | BC_CONN_DISCARD)) == 0)
		watch(lane, conn);
}

void egress_discard(struct lane *lane, struct bc_conn *conn)
{
	(void)request_discard(lane, conn, DISCARD_BYTES);
}

void egress_on_discard(struct lane *lane, struct bc_conn *conn, int result)
{
	if (result > 0) {
		bc_peers_add(&conn->shown->discarded, (uint64_t)result);
		bc_tally_add(&lane->tally, BC_COUNTER_discarded_bytes,
			     (uint64_t)result);
	}
	if (conn->state != BC_CONN_OPEN || conn->role != BCAST_ROLE_RECEIVER)
		return;
	if (result < 0 && result != -EAGAIN && result != -EINTR)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_RESET, result);
	else
		watch(lane, conn);
}

/* ---- The end ----------------------------------------------------------- */

/* A client is told so, too, and ends once it has been. */
static bool has_all(struct lane *lane, struct bc_conn *conn)
{
	if (conn->role == BCAST_ROLE_RECEIVER && conn->cursor != lane->tail)
		return false;
	return !conn->session || session_may_end(lane, conn);
}

void egress_drain(struct lane *lane, bool late)
{
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		struct bc_conn *conn = &lane->conns.conns[slot];

		if (conn->state != BC_CONN_OPEN)
			continue;
		if (has_all(lane, conn))
			bc_conn_end(&lane->conns, conn, BCAST_CLOSE_SHUTDOWN,
				    0);
		else if (late)
			bc_conn_end(&lane->conns, conn, BCAST_CLOSE_DRAIN_LATE,
				    0);
	}
}

bool egress_is_empty(const struct lane *lane)
{
	return lane->conns.used == 0;
}
