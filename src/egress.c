/* SPDX-License-Identifier: MIT */
/*
 * egress.c - see egress.h.
 *
 * leader: whoever joins does so at the tail, and so is the furthest at once; but
 * that it can keep up it has yet to show. While there are receivers that have
 * taken as much as the sender may be ahead, and one of them goes on, the leader
 * is theirs. Else a coming and going of newcomers would let the sender run away
 * from all others.
 *
 * floor: cursors only grow, and who joins does so at the tail, so a floor that
 * was right once stays a lower bound. It is computed anew only when the old
 * one would hold up the sender or make somebody look slow; a closing
 * connection counts for as long as its send is in flight, since the kernel may
 * read those bytes until the send's event is here. Of sends without a copy, it
 * may do so until they are notified of: the connection's own floor is then
 * behind its cursor, and it is by that floor that it is judged too slow, or
 * leads the others. So a ring that is smaller than the kernel's buffers paces
 * the sender, as without zero copy, and drops nobody for it.
 * The same goes for hold and patience, each with a --max-lag added to it.
 */
#include <errno.h>
#include <sys/socket.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/peers.h"
#include "src/egress.h"
#include "src/filter.h"
#include "src/lag.h"
#include "src/log.h"
#include "src/request.h"
#include "src/session.h"
#include "src/skip.h"
#include "src/zerocopy.h"

#define LIST_READY	   2u
#define LIST_CAUGHT_UP	   3u
#define LIST_LATER	   4u
#define SENDS_PER_TURN	   256u
#define SEND_BYTES_MAX	   (UINT64_C(1) << 20)
#define STEADY_PATIENCE_NS (UINT64_C(100) * 1000 * 1000)
#define DISCARD_BYTES	   (256u * 1024u)

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Has it shown that it can keep up with the sender? */
static bool is_steady(const struct lane *lane, const struct bc_conn *conn)
{
	return conn->bytes >= lane->limits->pace_bytes;
}

void egress_init(struct egress *egress)
{
	*egress = (struct egress){.patience = UINT64_MAX};
	bc_conn_list_init(&egress->ready, LIST_READY);
	bc_conn_list_init(&egress->caught_up, LIST_CAUGHT_UP);
	bc_conn_list_init(&egress->later, LIST_LATER);
}

/* ---- Coming and going -------------------------------------------------- */

static void watch(struct lane *lane, struct bc_conn *conn)
{
	(void)request_watch(lane, conn, &lane->egress.watch_byte);
}

static const struct config_listen *door_of(const struct lane *lane,
					   const struct bc_conn *conn)
{
	return &lane->config->listens[conn->door];
}

/* The sender waits for it while the tail is beyond `end`. */
static void include_hold(struct egress *egress, uint64_t floor, uint64_t end)
{
	if (egress->hold == 0 || floor < egress->hold_floor)
		egress->hold_floor = floor;
	if (egress->hold == 0 || end < egress->hold)
		egress->hold = end;
}

/* It is a receiver: what is known of all is to hold for it too. */
static void include(struct lane *lane, const struct bc_conn *conn)
{
	uint64_t floor = bc_conn_floor(conn);
	uint64_t end = floor + lag_allowed(lane, conn);
	struct egress *egress = &lane->egress;

	if (lag_policy(lane, conn) == CONFIG_SLOW_BLOCK) {
		include_hold(egress, floor, end);
		return;
	}
	if (end < egress->patience)
		egress->patience = end;
	if (lag_replays(conn))
		include_hold(egress, floor, floor + lag_held(lane, conn));
}

/* No request is in flight: put it where it belongs. */
static void make_idle(struct lane *lane, struct bc_conn *conn)
{
	struct egress *egress = &lane->egress;

	if (conn->session && session_has_words(conn)) {
		bc_conn_list_push(&lane->conns, &egress->ready, conn);
		return;
	}
	if (conn->role != BCAST_ROLE_RECEIVER)
		return; /* a client that has been told all */
	bc_conn_list_push(&lane->conns,
			  conn->cursor == lane->tail ? &egress->caught_up
						     : &egress->ready,
			  conn);
}

void egress_join(struct lane *lane, struct bc_conn *conn, uint64_t position)
{
	struct egress *egress = &lane->egress;

	conn->role = BCAST_ROLE_RECEIVER;
	conn->cursor = position;
	lag_begin(lane, conn);
	if (position < egress->floor)
		egress->floor = position;
	if (!lag_replays(conn) &&
	    (position >= egress->leader || !egress_has_leader(lane))) {
		/* and nobody has shown anything yet */
		if (!egress_has_leader(lane))
			egress->steady = 0;
		egress->leader = position;
		egress->leader_valid = true;
	}
	egress->receivers++;
	include(lane, conn);
	egress_nudge(lane, conn);
	if (!conn->session)
		watch(lane, conn);
	bc_tally_add(&lane->tally, BC_COUNTER_receivers_joined, 1);
	bc_tally_add(&lane->tally, BC_COUNTER_receivers, 1);
	log_event(LOG_LEVEL_INFO, "receiver_joined", "peer=%s position=%llu",
		  conn->peer, (unsigned long long)conn->cursor);
}

void egress_forget(struct lane *lane, struct bc_conn *conn)
{
	bc_conn_list_remove(&lane->conns, &lane->egress.ready, conn);
	bc_conn_list_remove(&lane->conns, &lane->egress.caught_up, conn);
}

void egress_nudge(struct lane *lane, struct bc_conn *conn)
{
	if (conn->state != BC_CONN_OPEN || conn->in_flight & BC_CONN_SENDS)
		return;
	egress_forget(lane, conn);
	make_idle(lane, conn);
}

void egress_remove(struct lane *lane, struct bc_conn *conn)
{
	struct egress *egress = &lane->egress;

	egress_forget(lane, conn);
	lag_end(lane, conn);
	egress->receivers--;
	if (bc_conn_floor(conn) >= egress->leader ||
	    (is_steady(lane, conn) && bc_conn_floor(conn) >= egress->steady))
		egress->leader_valid = false;
	/* one less */
	bc_tally_add(&lane->tally, BC_COUNTER_receivers, UINT64_MAX);
}

/* ---- Sending ----------------------------------------------------------- */

void egress_on_published(struct lane *lane)
{
	struct egress *egress = &lane->egress;
	struct bc_conn *conn;

	while ((conn = bc_conn_list_pop(&lane->conns, &egress->caught_up)))
		bc_conn_list_push(&lane->conns, &egress->ready, conn);
}

/* A client that has nothing to send now. */
static void postpone(struct lane *lane, struct bc_conn *conn)
{
	struct egress *egress = &lane->egress;

	/* it has words, or has been told that it goes, or is to be told more */
	if (conn->list != 0 || conn->session->state != SESSION_SERVING ||
	    conn->session->skips)
		return;
	bc_conn_list_push(&lane->conns,
			  conn->cursor == lane->tail ? &egress->caught_up
						     : &egress->later,
			  conn);
}

static void send_next(struct lane *lane, struct bc_conn *conn)
{
	uint64_t size = conn->session ? session_span(lane, conn)
				      : lane->tail - conn->cursor;
	const void *bytes = bc_ring_address(&lane->segment->ring, conn->cursor);
	int ret;

	if (size == 0) {
		if (conn->session)
			postpone(lane, conn);
		else
			make_idle(lane, conn);
		return;
	}
	if (size > SEND_BYTES_MAX)
		size = SEND_BYTES_MAX;
	conn->offered = size;
	if (conn->owed_since_ns == 0)
		conn->owed_since_ns = lane->now_ns;
	if (zerocopy_suits(lane, conn, size))
		ret = zerocopy_send(lane, conn, bytes, size);
	else
		ret = request_send(lane, conn, bytes, size);
	if (ret < 0)
		make_idle(lane, conn);
	else
		lane->egress.sending++;
}

/* What stands between the records. */
static void tell(struct lane *lane, struct bc_conn *conn)
{
	if (session_speak(lane, conn) == 0)
		lane->egress.sending++;
	else
		make_idle(lane, conn);
}

void egress_pump(struct lane *lane)
{
	struct egress *egress = &lane->egress;
	struct bc_conn *conn;

	egress->looks = FILTER_RECORDS_LANE;
	for (unsigned i = 0; i < SENDS_PER_TURN; i++) {
		conn = bc_conn_list_pop(&lane->conns, &egress->ready);
		if (!conn)
			break;
		if (conn->session && session_has_words(conn))
			tell(lane, conn);
		else
			send_next(lane, conn);
	}
	while ((conn = bc_conn_list_pop(&lane->conns, &egress->later)))
		bc_conn_list_push(&lane->conns, &egress->ready, conn);
}

uint64_t egress_headway(struct lane *lane)
{
	uint64_t half = lane->limits->pace_bytes / 2;

	if (lane->tail - lane->egress.floor <= half)
		return half;
	egress_refresh_floor(lane);
	return lane->tail - lane->egress.floor > half ? 0 : half;
}

bool egress_has_ready(const struct lane *lane)
{
	return lane->egress.ready.head != BC_CONN_NONE;
}

bool egress_has_caught_up(const struct lane *lane)
{
	return lane->egress.caught_up.head != BC_CONN_NONE;
}

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

/* May it be the furthest, by which the sender goes? */
static bool is_leading(const struct bc_conn *conn)
{
	return conn->state == BC_CONN_OPEN && !lag_replays(conn);
}

/* A client has to be told, and between records. */
static void go_live(struct lane *lane, struct bc_conn *conn)
{
	if (conn->session)
		skip_client(lane, conn);
	else
		skip_to_live(lane, conn);
}

void egress_on_progress(struct lane *lane, struct bc_conn *conn)
{
	struct egress *egress = &lane->egress;
	uint64_t floor = bc_conn_floor(conn);

	if (lag_replays(conn) && lag_has_caught_up(lane, conn)) {
		lag_end(lane, conn);
		egress->leader_valid = false;
	}
	if (is_leading(conn))
		egress->leader = max_u64(egress->leader, floor);
	if (is_leading(conn) && is_steady(lane, conn)) {
		egress->steady = max_u64(egress->steady, floor);
		egress->steady_ns = lane->now_ns;
	}
	egress->last_progress_ns = lane->now_ns;
	bc_peers_set_release(conn->shown, floor);
}

static void count_sent(struct lane *lane, struct bc_conn *conn, uint64_t bytes)
{
	bc_peers_max(&conn->shown->lag_max, lane->tail - conn->cursor);
	conn->cursor += bytes;
	conn->bytes += bytes;
	if (conn->session)
		session_on_sent(lane, conn, bytes);
	conn->owed_since_ns = 0;
	conn->overdue = false;
	bc_peers_progress(conn->shown, conn->cursor, bytes, lane->now_ns);
	egress_on_progress(lane, conn);
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
		egress_nudge(lane, conn);
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
		go_live(lane, conn);
	egress_nudge(lane, conn);
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

/* ---- Who is too far behind --------------------------------------------- */

static bool is_receiver(const struct bc_conn *conn)
{
	return conn->state == BC_CONN_OPEN && conn->role == BCAST_ROLE_RECEIVER;
}

static bool holds_bytes(const struct bc_conn *conn)
{
	bool speaking = conn->session && conn->session->speaking;

	return ((conn->in_flight & BC_CONN_SEND) != 0 && !speaking) ||
	       conn->owed.count > 0 || is_receiver(conn);
}

static void recompute_leader(struct lane *lane)
{
	struct egress *egress = &lane->egress;
	uint64_t leader = 0, steady = 0;

	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		const struct bc_conn *conn = &lane->conns.conns[slot];

		if (!is_receiver(conn) || !is_leading(conn))
			continue;
		leader = max_u64(leader, bc_conn_floor(conn));
		if (is_steady(lane, conn))
			steady = max_u64(steady, bc_conn_floor(conn));
	}
	egress->leader = leader;
	egress->steady = steady;
	egress->leader_valid = true;
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
	egress_forget(lane, conn);
	go_live(lane, conn);
	egress_nudge(lane, conn);
}

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

void egress_refresh_floor(struct lane *lane)
{
	struct egress *egress = &lane->egress;

	egress->floor = lane->tail;
	egress->hold = 0;
	egress->hold_floor = 0;
	egress->patience = UINT64_MAX;
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		const struct bc_conn *conn = &lane->conns.conns[slot];

		if (holds_bytes(conn) && bc_conn_floor(conn) < egress->floor)
			egress->floor = bc_conn_floor(conn);
		if (is_receiver(conn))
			include(lane, conn);
	}
}

void egress_claims(const struct lane *lane, struct backpressure_positions *at)
{
	at->floor = lane->egress.floor;
	at->hold = lane->egress.hold;
	at->hold_floor = lane->egress.hold_floor;
}

uint64_t egress_lag_max(const struct lane *lane)
{
	uint64_t lag_max = 0;

	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		const struct bc_conn *conn = &lane->conns.conns[slot];

		if (is_receiver(conn) && lane->tail - conn->cursor > lag_max)
			lag_max = lane->tail - conn->cursor;
	}
	return lag_max;
}

bool egress_has_leader(const struct lane *lane)
{
	return lane->egress.receivers > lane->egress.replaying;
}

uint64_t egress_leader(struct lane *lane)
{
	if (!egress_has_leader(lane))
		return lane->tail;
	if (!lane->egress.leader_valid)
		recompute_leader(lane);
	if (lane->egress.steady != 0 &&
	    lane->now_ns - lane->egress.steady_ns < STEADY_PATIENCE_NS)
		return lane->egress.steady;
	return lane->egress.leader;
}

static bool is_slow(const struct lane *lane, const struct bc_conn *conn,
		    uint64_t lag_limit_bytes)
{
	return lag_policy(lane, conn) != CONFIG_SLOW_BLOCK &&
	       backpressure_is_slow(lag_limit(lane, conn, lag_limit_bytes),
				    lane->tail, bc_conn_floor(conn));
}

void egress_enforce_lag(struct lane *lane, uint64_t lag_limit_bytes)
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
	egress_refresh_floor(lane);
}

/* ---- Who takes nothing ------------------------------------------------- */

/*
 * Twice beyond the timeout, a tick apart: of who is sent something after a
 * pause, the event may not have been here by the first time.
 */
static void check_progress(struct lane *lane, struct bc_conn *conn)
{
	uint64_t timeout_ns =
		door_of(lane, conn)->send_timeout_ms * (uint64_t)BC_NS_PER_MS;
	bool owed = conn->cursor != lane->tail && conn->owed_since_ns != 0;

	if (timeout_ns == 0 || !owed ||
	    lane->now_ns - conn->owed_since_ns < timeout_ns)
		conn->overdue = false;
	else if (conn->overdue)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_SEND_TIMEOUT, 0);
	else
		conn->overdue = true;
}

/* What they may lag shrinks with time, whether they move or not. */
static void check_replays(struct lane *lane)
{
	if (lane->egress.replaying == 0)
		return;
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		struct bc_conn *conn = &lane->conns.conns[slot];

		if (!is_receiver(conn) || !lag_replays(conn) ||
		    !lag_has_caught_up(lane, conn))
			continue;
		lag_end(lane, conn);
		lane->egress.leader_valid = false;
	}
	egress_refresh_floor(lane);
}

void egress_tick(struct lane *lane)
{
	bool any = false;

	check_replays(lane);

	for (uint32_t i = 0; i < lane->config->listen_count; i++)
		any = any || lane->config->listens[i].send_timeout_ms != 0;
	for (uint32_t slot = 0; any && slot < lane->conns.count; slot++) {
		struct bc_conn *conn = &lane->conns.conns[slot];

		if (is_receiver(conn))
			check_progress(lane, conn);
	}
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
