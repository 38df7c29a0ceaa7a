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
enum config_slow_policy lag_choose_policy(const struct lane *lane,
					  const struct bc_conn *conn,
					  uint16_t wish)
{
	enum config_slow_policy usual = door_of(lane, conn)->slow_policy;

	if (usual == CONFIG_SLOW_BLOCK || wish == BCAST_WISH_DEFAULT)
		return usual;
	return wish == BCAST_WISH_SKIP ? CONFIG_SLOW_SKIP
				       : CONFIG_SLOW_DISCONNECT;
}

enum config_slow_policy lag_policy(const struct lane *lane,
				   const struct bc_conn *conn)
{
	return conn->session ? conn->session->policy
			     : door_of(lane, conn)->slow_policy;
}

/* ---- Replay ------------------------------------------------------------ */

bool lag_replays(const struct bc_conn *conn)
{
	return conn->session && conn->session->replay_since_ns != 0;
}

uint64_t lag_allowed(const struct lane *lane, const struct bc_conn *conn)
{
	uint64_t max_lag = door_of(lane, conn)->max_lag_bytes;

	if (!lag_replays(conn))
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
void lag_begin(struct lane *lane, struct bc_conn *conn)
{
	if (!conn->session || conn->session->policy == CONFIG_SLOW_BLOCK ||
	    lane->tail - conn->cursor <= lane->limits->pace_bytes)
		return;
	conn->session->replay_since_ns = lane->now_ns;
	lane->egress.replaying++;
}

void lag_end(struct lane *lane, struct bc_conn *conn)
{
	if (!lag_replays(conn))
		return;
	conn->session->replay_since_ns = 0;
	lane->egress.replaying--;
}

bool lag_has_caught_up(const struct lane *lane, const struct bc_conn *conn)
{
	return lane->tail - bc_conn_floor(conn) <= lane->limits->pace_bytes ||
	       lane->now_ns - conn->session->replay_since_ns >=
		       BACKPRESSURE_REPLAY_NS;
}
