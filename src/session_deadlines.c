/* SPDX-License-Identifier: MIT */
/* session_deadlines.c - see session_deadlines.h. */
#include <bcast/monitor.h>

#include "shm/clock.h"
#include "src/session.h"
#include "src/session_beat.h"
#include "src/session_deadlines.h"
#include "src/session_tell.h"
#include "src/skip.h"

/* The place where it is to land is just being written over: how long. */
#define LAND_AGAIN_NS ((uint64_t)(100 * BC_NS_PER_MS))

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t greet(struct lane *lane, struct bc_conn *conn)
{
	uint64_t until_ns =
		conn->session->heard_ns +
		lane->config->hello_timeout_ms * (uint64_t)BC_NS_PER_MS;

	if (lane->now_ns < until_ns)
		return until_ns;
	session_reject(lane, conn, BCAST_REJECT_TIMEOUT,
		       "no whole HELLO in time", 0);
	return TIMERS_NEVER;
}

static uint64_t land(struct lane *lane, struct bc_conn *conn)
{
	if (!conn->session->skips)
		return TIMERS_NEVER;
	if ((conn->in_flight & BC_CONN_SENDS) == 0)
		skip_land(lane, conn);
	return lane->now_ns + LAND_AGAIN_NS;
}

static uint64_t serve(struct lane *lane, struct bc_conn *conn)
{
	uint64_t until_ns = conn->session->heard_ns + conn->session->idle_ns;

	if (lane->now_ns >= until_ns) {
		session_reject(lane, conn, BCAST_REJECT_TIMEOUT,
			       "nothing came for --idle-timeout: send "
			       "a HEARTBEAT",
			       1);
		return TIMERS_NEVER;
	}
	until_ns = min_u64(until_ns, session_beat(lane, conn));
	return min_u64(until_ns, land(lane, conn));
}

static uint64_t let_go(struct lane *lane, struct bc_conn *conn)
{
	const struct session *session = conn->session;

	if (lane->now_ns < session->leave_by_ns)
		return session->leave_by_ns;
	bc_conn_end(&lane->conns, conn, session->leave_reason, 0);
	return TIMERS_NEVER;
}

uint64_t session_look_after(struct lane *lane, struct bc_conn *conn)
{
	switch (conn->session->state) {
	case SESSION_GREETING:
		return greet(lane, conn);
	case SESSION_SERVING:
		return serve(lane, conn);
	case SESSION_LEAVING:
		break;
	}
	return let_go(lane, conn);
}
