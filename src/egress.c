/* SPDX-License-Identifier: MIT */
/*
 * egress.c - see egress.h.
 *
 * floor: cursors only grow, and who joins does so at the tail, so a floor that
 * was right once stays a lower bound. It is computed anew only when the old
 * one would hold up the sender or make somebody look slow; a closing
 * connection counts for as long as its send is in flight, since the kernel may
 * read those bytes until the send's event is here.
 */
#include <errno.h>
#include <sys/socket.h>

#include <bcast/monitor.h>

#include "shm/lease.h"
#include "shm/peers.h"
#include "src/egress.h"
#include "src/log.h"
#include "src/request.h"

#define LIST_READY     2u
#define LIST_CAUGHT_UP 3u
#define SENDS_PER_TURN 256u
#define SEND_BYTES_MAX (UINT64_C(1) << 20)
#define DISCARD_BYTES  (256u * 1024u)

void egress_init(struct egress *egress)
{
	*egress = (struct egress){0};
	bc_conn_list_init(&egress->ready, LIST_READY);
	bc_conn_list_init(&egress->caught_up, LIST_CAUGHT_UP);
}

/* ---- Coming and going -------------------------------------------------- */

static void watch(struct daemon *daemon, struct bc_conn *conn)
{
	(void)request_watch(daemon, conn, &daemon->egress.watch_byte);
}

/* No request is in flight: put it where it belongs. */
static void make_idle(struct daemon *daemon, struct bc_conn *conn)
{
	struct egress *egress = &daemon->egress;

	bc_conn_list_push(&daemon->conns,
			  conn->cursor == daemon_tail(daemon)
				  ? &egress->caught_up
				  : &egress->ready,
			  conn);
}

void egress_join(struct daemon *daemon, struct bc_conn *conn)
{
	struct egress *egress = &daemon->egress;

	conn->role = BCAST_ROLE_RECEIVER;
	conn->cursor = daemon_tail(daemon);
	egress->receivers++;
	egress->leader = conn->cursor;
	egress->leader_valid = true;
	make_idle(daemon, conn);
	watch(daemon, conn);
	bc_counter_add(daemon->counters, BC_COUNTER_receivers_joined, 1);
	bc_counter_set(daemon->counters, BC_COUNTER_receivers,
		       egress->receivers);
	log_event(LOG_LEVEL_INFO, "receiver_joined", "peer=%s position=%llu",
		  conn->peer, (unsigned long long)conn->cursor);
}

void egress_remove(struct daemon *daemon, struct bc_conn *conn)
{
	struct egress *egress = &daemon->egress;

	bc_conn_list_remove(&daemon->conns, &egress->ready, conn);
	bc_conn_list_remove(&daemon->conns, &egress->caught_up, conn);
	egress->receivers--;
	if (conn->cursor == egress->leader)
		egress->leader_valid = false;
	bc_counter_set(daemon->counters, BC_COUNTER_receivers,
		       egress->receivers);
}

/* ---- Sending ----------------------------------------------------------- */

void egress_on_published(struct daemon *daemon)
{
	struct egress *egress = &daemon->egress;
	struct bc_conn *conn;

	while ((conn = bc_conn_list_pop(&daemon->conns, &egress->caught_up)))
		bc_conn_list_push(&daemon->conns, &egress->ready, conn);
}

static void send_next(struct daemon *daemon, struct bc_conn *conn)
{
	uint64_t size = daemon_tail(daemon) - conn->cursor;

	if (size > SEND_BYTES_MAX)
		size = SEND_BYTES_MAX;
	conn->offered = size;
	if (request_send(daemon, conn,
			 bc_ring_address(&daemon->segment.ring, conn->cursor),
			 size) < 0)
		make_idle(daemon, conn);
	else
		daemon->egress.sending++;
}

void egress_pump(struct daemon *daemon)
{
	struct egress *egress = &daemon->egress;

	for (unsigned i = 0; i < SENDS_PER_TURN; i++) {
		struct bc_conn *conn =
			bc_conn_list_pop(&daemon->conns, &egress->ready);

		if (!conn)
			return;
		send_next(daemon, conn);
	}
}

bool egress_has_ready(const struct daemon *daemon)
{
	return daemon->egress.ready.head != BC_CONN_NONE;
}

bool egress_has_caught_up(const struct daemon *daemon)
{
	return daemon->egress.caught_up.head != BC_CONN_NONE;
}

static void skip_to_live(struct daemon *daemon, struct bc_conn *conn)
{
	uint64_t tail = daemon_tail(daemon);
	uint64_t bytes = tail - conn->cursor;

	conn->skip = false;
	conn->cursor = tail;
	bc_peers_add(&conn->shown->skipped, bytes);
	atomic_store_explicit(&conn->shown->cursor, tail, memory_order_relaxed);
	bc_counter_add(daemon->counters, BC_COUNTER_receivers_skips, 1);
	bc_counter_add(daemon->counters, BC_COUNTER_skipped_bytes, bytes);
	log_event(LOG_LEVEL_WARN, "receiver_skipped",
		  "peer=%s skipped_bytes=%llu position=%llu", conn->peer,
		  (unsigned long long)bytes, (unsigned long long)tail);
}

static void count_sent(struct daemon *daemon, struct bc_conn *conn,
		       uint64_t bytes)
{
	struct egress *egress = &daemon->egress;

	bc_peers_max(&conn->shown->lag_max, daemon_tail(daemon) - conn->cursor);
	conn->cursor += bytes;
	conn->bytes += bytes;
	if (conn->state == BC_CONN_OPEN && conn->cursor > egress->leader)
		egress->leader = conn->cursor;
	egress->last_progress_ns = daemon->now_ns;
	bc_peers_progress(conn->shown, conn->cursor, bytes, daemon->now_ns);
	bc_counter_add(daemon->counters, BC_COUNTER_bytes_out, bytes);
	bc_counter_add(daemon->counters, BC_COUNTER_sends, 1);
	if (bytes < conn->offered) {
		bc_peers_add(&conn->shown->short_sends, 1);
		bc_counter_add(daemon->counters, BC_COUNTER_short_sends, 1);
	}
}

void egress_on_sent(struct daemon *daemon, struct bc_conn *conn, int result)
{
	daemon->egress.sending--;
	if (conn->role != BCAST_ROLE_RECEIVER)
		return; /* it became the sender meanwhile */
	if (result > 0)
		count_sent(daemon, conn, (uint64_t)result);
	if (conn->state != BC_CONN_OPEN)
		return;
	if (result < 0 && result != -ECANCELED && result != -EINTR &&
	    result != -EAGAIN) {
		bc_conn_end(&daemon->conns, conn, BCAST_CLOSE_RESET, result);
		return;
	}
	if (conn->skip)
		skip_to_live(daemon, conn);
	make_idle(daemon, conn);
}

/* ---- What receivers send us -------------------------------------------- */

enum egress_news egress_on_watch(struct daemon *daemon, struct bc_conn *conn,
				 int result)
{
	if (conn->state != BC_CONN_OPEN || conn->role != BCAST_ROLE_RECEIVER)
		return EGRESS_NO_NEWS;
	if (result > 0)
		return EGRESS_HAS_SENT;
	if (result == 0) {
		conn->half_closed = true;
		return EGRESS_HALF_CLOSED;
	}
	if (result == -EAGAIN || result == -EINTR)
		watch(daemon, conn);
	else
		bc_conn_end(&daemon->conns, conn, BCAST_CLOSE_RESET, result);
	return EGRESS_NO_NEWS;
}

void egress_discard(struct daemon *daemon, struct bc_conn *conn)
{
	(void)request_discard(daemon, conn, DISCARD_BYTES);
}

void egress_on_discard(struct daemon *daemon, struct bc_conn *conn, int result)
{
	if (result > 0) {
		bc_peers_add(&conn->shown->discarded, (uint64_t)result);
		bc_counter_add(daemon->counters, BC_COUNTER_discarded_bytes,
			       (uint64_t)result);
	}
	if (conn->state != BC_CONN_OPEN || conn->role != BCAST_ROLE_RECEIVER)
		return;
	if (result < 0 && result != -EAGAIN && result != -EINTR)
		bc_conn_end(&daemon->conns, conn, BCAST_CLOSE_RESET, result);
	else
		watch(daemon, conn);
}

/* ---- Who is too far behind --------------------------------------------- */

static bool holds_bytes(const struct bc_conn *conn)
{
	return (conn->in_flight & BC_CONN_SEND) != 0 ||
	       (conn->state == BC_CONN_OPEN &&
		conn->role == BCAST_ROLE_RECEIVER);
}

static void recompute_floor(struct daemon *daemon)
{
	uint64_t floor = daemon_tail(daemon);

	for (uint32_t slot = 0; slot < daemon->conns.count; slot++) {
		const struct bc_conn *conn = &daemon->conns.conns[slot];

		if (holds_bytes(conn) && conn->cursor < floor)
			floor = conn->cursor;
	}
	daemon->egress.floor = floor;
}

static void recompute_leader(struct daemon *daemon)
{
	struct egress *egress = &daemon->egress;
	uint64_t leader = 0;

	for (uint32_t slot = 0; slot < daemon->conns.count; slot++) {
		const struct bc_conn *conn = &daemon->conns.conns[slot];

		if (conn->state == BC_CONN_OPEN &&
		    conn->role == BCAST_ROLE_RECEIVER && conn->cursor > leader)
			leader = conn->cursor;
	}
	egress->leader = leader;
	egress->leader_valid = true;
}

static void punish(struct daemon *daemon, struct bc_conn *conn)
{
	if (daemon->config.slow_policy == CONFIG_SLOW_DISCONNECT) {
		bc_conn_end(&daemon->conns, conn, BCAST_CLOSE_SLOW, 0);
		return;
	}
	if (conn->skip)
		return;
	if (conn->in_flight & BC_CONN_SEND) {
		/* its bytes are free once the cancelled send is back */
		conn->skip = true;
		request_cancel(daemon, conn, BC_CONN_SEND);
		return;
	}
	bc_conn_list_remove(&daemon->conns, &daemon->egress.ready, conn);
	skip_to_live(daemon, conn);
	make_idle(daemon, conn);
}

struct backpressure_positions egress_positions(struct daemon *daemon)
{
	struct egress *egress = &daemon->egress;
	uint64_t tail = daemon_tail(daemon);
	struct backpressure_positions at = {tail, tail, tail, tail};

	/* closing connections can hold bytes after the last has left */
	if (!backpressure_floor_will_do(&daemon->limits, tail, egress->floor,
					!daemon->ingest.has_lease) ||
	    bc_lease_wants_room(&daemon->segment))
		recompute_floor(daemon);
	at.floor = egress->floor;
	if (egress->receivers == 0)
		return at;
	if (!egress->leader_valid)
		recompute_leader(daemon);
	at.leader = egress->leader;
	return at;
}

void egress_enforce_lag(struct daemon *daemon)
{
	struct backpressure_limits lowered = daemon->limits;
	const struct backpressure_limits *limits = &lowered;
	uint64_t tail = daemon_tail(daemon);

	if (daemon->config.slow_policy == CONFIG_SLOW_BLOCK)
		return;
	/* a large record may want room before anybody lags that much */
	if (bc_lease_wants_room(&daemon->segment)) {
		struct backpressure_positions at = egress_positions(daemon);

		lowered.max_lag_bytes = backpressure_lag_for_record(
			&daemon->limits, &at, daemon->ingest.given_up);
	}
	if (!backpressure_is_slow(limits, tail, daemon->egress.floor))
		return;
	for (uint32_t slot = 0; slot < daemon->conns.count; slot++) {
		struct bc_conn *conn = &daemon->conns.conns[slot];

		if (conn->state == BC_CONN_OPEN &&
		    conn->role == BCAST_ROLE_RECEIVER &&
		    backpressure_is_slow(limits, tail, conn->cursor))
			punish(daemon, conn);
	}
	recompute_floor(daemon);
}
