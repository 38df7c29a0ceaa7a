/* SPDX-License-Identifier: MIT */
/* lag.c - see lag.h. */
#include <bcast/packet.h>

#include "src/lag.h"
#include "src/session.h"

static const struct config_listen *door_of(const struct lane *lane,
					   const struct bc_conn *conn)
{
	return &lane->config->listens[conn->door];
}

/* Who waits for whom is not for the one that is waited for to say. */
enum config_slow_policy lag_policy(const struct lane *lane,
				   const struct bc_conn *conn)
{
	enum config_slow_policy usual = door_of(lane, conn)->slow_policy;
	uint16_t wish = conn->session ? conn->session->wish
				      : (uint16_t)BCAST_WISH_DEFAULT;

	if (usual == CONFIG_SLOW_BLOCK || wish == BCAST_WISH_DEFAULT)
		return usual;
	return wish == BCAST_WISH_SKIP ? CONFIG_SLOW_SKIP
				       : CONFIG_SLOW_DISCONNECT;
}

/* ---- Replay ------------------------------------------------------------ */

bool lag_replays(const struct bc_conn *conn)
{
	return conn->session && conn->session->replays;
}

bool lag_is_excused(const struct lane *lane, const struct bc_conn *conn)
{
	return conn->session && conn->session->replay_since_ns != 0 &&
	       lane->now_ns - conn->session->replay_since_ns <
		       BACKPRESSURE_REPLAY_NS;
}

/*
 * Also once it has caught up: with the tail as it was seen last, beyond which
 * the sender may have gone as far as it was held before.
 */
uint64_t lag_allowed(const struct lane *lane, const struct bc_conn *conn)
{
	uint64_t max_lag = door_of(lane, conn)->max_lag_bytes;

	if (!lag_is_excused(lane, conn))
		return max_lag;
	return backpressure_replay_lag(lane->limits, max_lag,
				       lane->now_ns -
					       conn->session->replay_since_ns);
}

uint64_t lag_held(const struct lane *lane, const struct bc_conn *conn)
{
	return backpressure_replay_hold(lane->limits,
					door_of(lane, conn)->max_lag_bytes,
					lag_allowed(lane, conn));
}

/* With policy block the sender waits anyway, and for as long as it takes. */
bool lag_would_replay(const struct lane *lane, const struct bc_conn *conn,
		      uint64_t position)
{
	return conn->session && lag_policy(lane, conn) != CONFIG_SLOW_BLOCK &&
	       lane->tail - position > lane->limits->pace_bytes;
}

void lag_begin(struct lane *lane, struct bc_conn *conn)
{
	if (!lag_would_replay(lane, conn, conn->cursor))
		return;
	conn->session->replay_since_ns = lane->now_ns;
	conn->session->replays = true;
	lane->egress.replaying++;
}

void lag_end(struct lane *lane, struct bc_conn *conn)
{
	if (!lag_replays(conn))
		return;
	conn->session->replays = false;
	lane->egress.replaying--;
}

bool lag_has_caught_up(const struct lane *lane, const struct bc_conn *conn)
{
	return lane->tail - bc_conn_floor(conn) <= lane->limits->pace_bytes ||
	       !lag_is_excused(lane, conn);
}
