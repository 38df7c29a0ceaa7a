/* SPDX-License-Identifier: MIT */
/* session_tick.c - see session_tick.h. */
#include <bcast/monitor.h>

#include "shm/clock.h"
#include "src/session.h"
#include "src/session_beat.h"
#include "src/session_tell.h"
#include "src/session_tick.h"
#include "src/skip.h"

static void look_after(struct lane *lane, struct bc_conn *conn)
{
	const struct config *config = lane->config;
	const struct session *session = conn->session;
	uint64_t silent_ns = lane->now_ns - session->heard_ns;

	switch (session->state) {
	case SESSION_GREETING:
		if (silent_ns >=
		    config->hello_timeout_ms * (uint64_t)BC_NS_PER_MS)
			session_reject(lane, conn, BCAST_REJECT_TIMEOUT,
				       "no whole HELLO in time", 0);
		break;
	case SESSION_SERVING:
		if (silent_ns >=
		    config->idle_timeout_ms * (uint64_t)BC_NS_PER_MS)
			session_reject(lane, conn, BCAST_REJECT_TIMEOUT,
				       "nothing came for --idle-timeout: send "
				       "a HEARTBEAT",
				       1);
		else
			session_beat(lane, conn);
		if (session->skips && (conn->in_flight & BC_CONN_SENDS) == 0)
			skip_land(lane, conn);
		break;
	case SESSION_LEAVING:
		if (lane->now_ns >= session->leave_by_ns)
			bc_conn_end(&lane->conns, conn, session->leave_reason,
				    0);
		break;
	}
}

void session_tick(struct lane *lane)
{
	if (lane->clients == 0)
		return;
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		struct bc_conn *conn = &lane->conns.conns[slot];

		if (conn->state == BC_CONN_OPEN && conn->session)
			look_after(lane, conn);
	}
}
