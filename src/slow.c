/* SPDX-License-Identifier: MIT */
/* slow.c - see slow.h. */
#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/peers.h"
#include "src/lag.h"
#include "src/log.h"
#include "src/progress.h"
#include "src/request.h"
#include "src/send_queue.h"
#include "src/session.h"
#include "src/skip.h"
#include "src/slow.h"

/* Between the two looks at who takes nothing. */
#define SECOND_LOOK_NS ((uint64_t)(100 * BC_NS_PER_MS))

static bool is_receiver(const struct bc_conn *conn)
{
	return conn->state == BC_CONN_OPEN && conn->role == BCAST_ROLE_RECEIVER;
}

/* ---- Skips ------------------------------------------------------------- */

static void skip_to_live(struct lane *lane, struct bc_conn *conn)
{
	uint64_t tail = lane->tail;
	uint64_t bytes = tail - conn->cursor;

	conn->skip = false;
	conn->cursor = tail;
	bc_peers_add(&conn->shown->skipped, bytes);
	atomic_store_explicit(&conn->shown->cursor, tail, memory_order_relaxed);
	bc_peers_set_release(conn->shown, bc_conn_floor(conn));
	bc_tally_add(&lane->tally, BC_COUNTER_receivers_skips, 1);
	bc_tally_add(&lane->tally, BC_COUNTER_skipped_bytes, bytes);
	log_event(LOG_LEVEL_WARN, "receiver_skipped",
		  "peer=%s skipped_bytes=%llu position=%llu", conn->peer,
		  (unsigned long long)bytes, (unsigned long long)tail);
}

/* A client has to be told, and between records. */
void slow_go_live(struct lane *lane, struct bc_conn *conn)
{
	if (conn->session)
		skip_client(lane, conn);
	else
		skip_to_live(lane, conn);
}

/* Would a skip, now? */
static bool gives_back(const struct lane *lane, const struct bc_conn *conn,
		       uint64_t max_lag_bytes)
{
	return conn->owed.count == 0 ||
	       backpressure_is_slow(max_lag_bytes, lane->tail, conn->cursor);
}

/*
 * What the kernel has taken without a copy is not given back by a skip. So who
 * holds bytes in this way is skipped too, has some time to acknowledge, and
 * then has to go.
 */
static bool skip_will_do(const struct lane *lane, const struct bc_conn *conn,
			 uint64_t max_lag_bytes)
{
	return gives_back(lane, conn, max_lag_bytes) ||
	       lane->now_ns - conn->settled_ns < BACKPRESSURE_STALL_NS;
}

static void skip(struct lane *lane, struct bc_conn *conn)
{
	bool speaking = conn->session && conn->session->speaking;

	if (conn->skip)
		return;
	if ((conn->in_flight & BC_CONN_SENDS) != 0 && !speaking) {
		/* its bytes are free once the cancelled send is back */
		conn->skip = true;
		request_cancel(lane, conn, BC_CONN_SENDS);
		return;
	}
	send_queue_remove(lane, conn);
	slow_go_live(lane, conn);
	send_queue_nudge(lane, conn);
}

/* ---- Who is too far behind --------------------------------------------- */

static uint64_t lag_limit(const struct lane *lane, const struct bc_conn *conn,
			  uint64_t lag_limit_bytes)
{
	uint64_t own = lag_allowed(lane, conn);

	/* a record that wants room has to wait while somebody replays */
	return lag_limit_bytes < own && !lag_is_excused(lane, conn)
		       ? lag_limit_bytes
		       : own;
}

static void punish(struct lane *lane, struct bc_conn *conn,
		   uint64_t lag_limit_bytes)
{
	uint64_t limit = lag_limit(lane, conn, lag_limit_bytes);

	if (lag_policy(lane, conn) == CONFIG_SLOW_DISCONNECT ||
	    !skip_will_do(lane, conn, limit))
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_SLOW, 0);
	else if (gives_back(lane, conn, limit))
		skip(lane, conn);
}

static bool is_slow(const struct lane *lane, const struct bc_conn *conn,
		    uint64_t lag_limit_bytes)
{
	return lag_policy(lane, conn) != CONFIG_SLOW_BLOCK &&
	       backpressure_is_slow(lag_limit(lane, conn, lag_limit_bytes),
				    lane->tail, bc_conn_floor(conn));
}

void slow_enforce(struct lane *lane, uint64_t lag_limit_bytes)
{
	const struct egress *egress = &lane->egress;

	if (egress->patience == UINT64_MAX ||
	    (lane->tail <= egress->patience &&
	     !backpressure_is_slow(lag_limit_bytes, lane->tail, egress->floor)))
		return;
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		struct bc_conn *conn = &lane->conns.conns[slot];

		if (is_receiver(conn) && is_slow(lane, conn, lag_limit_bytes))
			punish(lane, conn, lag_limit_bytes);
	}
	progress_refresh(lane);
}

/* ---- Who takes nothing ------------------------------------------------- */

/*
 * Twice beyond the timeout, some time apart: of who is sent something after a
 * pause, the event may not have been here by the first time. Who has just
 * skipped to the tail is owed nothing for a moment, and has taken nothing.
 */
uint64_t slow_look_after(struct lane *lane, struct bc_conn *conn)
{
	uint64_t timeout_ns =
		lane->config->listens[conn->door].send_timeout_ms *
		(uint64_t)BC_NS_PER_MS;
	uint64_t since_ns =
		conn->owed_since_ns != 0 ? conn->owed_since_ns : lane->now_ns;

	if (timeout_ns == 0)
		return TIMERS_NEVER;
	if (lane->now_ns < since_ns + timeout_ns) {
		conn->overdue = false;
		return since_ns + timeout_ns;
	}
	if (conn->cursor != lane->tail && conn->overdue) {
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_SEND_TIMEOUT, 0);
		return TIMERS_NEVER;
	}
	conn->overdue = conn->cursor != lane->tail;
	return lane->now_ns + SECOND_LOOK_NS;
}
