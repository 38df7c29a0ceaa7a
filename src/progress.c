/* SPDX-License-Identifier: MIT */
/*
 * progress.c - see progress.h, and egress.h.
 *
 * leader: whoever joins does so at the tail, and so is the furthest at once;
 * but that it can keep up it has yet to show. While there are receivers that
 * have taken as much as the sender may be ahead, and one of them goes on, the
 * leader is theirs. Else a coming and going of newcomers would let the sender
 * run away from all others.
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
#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/peers.h"
#include "src/lag.h"
#include "src/log.h"
#include "src/progress.h"
#include "src/session.h"

#define STEADY_PATIENCE_NS (UINT64_C(100) * 1000 * 1000)

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Has it shown that it can keep up with the sender? */
static bool is_steady(const struct lane *lane, const struct bc_conn *conn)
{
	return conn->bytes >= lane->limits->pace_bytes;
}

/* May it be the furthest, by which the sender goes? */
static bool is_leading(const struct bc_conn *conn)
{
	return conn->state == BC_CONN_OPEN && !lag_replays(conn);
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

/* ---- Coming and going -------------------------------------------------- */

void progress_begin(struct lane *lane, struct bc_conn *conn)
{
	struct egress *egress = &lane->egress;
	uint64_t position = conn->cursor;

	lag_begin(lane, conn);
	if (position < egress->floor)
		egress->floor = position;
	if (!lag_replays(conn) &&
	    (position >= egress->leader || !progress_has_leader(lane))) {
		/* and nobody has shown anything yet */
		if (!progress_has_leader(lane))
			egress->steady = 0;
		egress->leader = position;
		egress->leader_valid = true;
	}
	egress->receivers++;
	include(lane, conn);
}

void progress_end(struct lane *lane, struct bc_conn *conn)
{
	struct egress *egress = &lane->egress;

	lag_end(lane, conn);
	egress->receivers--;
	if (bc_conn_floor(conn) >= egress->leader ||
	    (is_steady(lane, conn) && bc_conn_floor(conn) >= egress->steady))
		egress->leader_valid = false;
}

void progress_made(struct lane *lane, struct bc_conn *conn)
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

void progress_refresh(struct lane *lane)
{
	struct egress *egress = &lane->egress;

	egress->floor = lane->tail;
	egress->last = lane->tail;
	egress->hold = 0;
	egress->hold_floor = 0;
	egress->patience = UINT64_MAX;
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		const struct bc_conn *conn = &lane->conns.conns[slot];

		if (holds_bytes(conn) && bc_conn_floor(conn) < egress->floor)
			egress->floor = bc_conn_floor(conn);
		if (!is_receiver(conn))
			continue;
		include(lane, conn);
		if (conn->cursor < egress->last)
			egress->last = conn->cursor;
	}
}

void progress_claims(const struct lane *lane, struct backpressure_positions *at)
{
	at->floor = lane->egress.floor;
	at->hold = lane->egress.hold;
	at->hold_floor = lane->egress.hold_floor;
}

uint64_t progress_lag_max(struct lane *lane)
{
	if (lane->egress.floor == lane->tail)
		return 0;
	progress_refresh(lane);
	return lane->tail - lane->egress.last;
}

bool progress_has_leader(const struct lane *lane)
{
	return lane->egress.receivers > lane->egress.replaying;
}

uint64_t progress_leader(struct lane *lane)
{
	if (!progress_has_leader(lane))
		return lane->tail;
	if (!lane->egress.leader_valid)
		recompute_leader(lane);
	if (lane->egress.steady != 0 &&
	    lane->now_ns - lane->egress.steady_ns < STEADY_PATIENCE_NS)
		return lane->egress.steady;
	return lane->egress.leader;
}

/* What they may lag shrinks with time, whether they move or not. */
void progress_tick(struct lane *lane)
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
	progress_refresh(lane);
}
