/* SPDX-License-Identifier: MIT */
/* session_beat.c - see session_beat.h. */
#include <bcast/monitor.h>

#include "shm/record.h"
#include "src/filter.h"
#include "src/session.h"
#include "src/session_beat.h"
#include "src/session_tell.h"

/* Who filters may have much to look at, and nothing to send. */
static bool is_idle(const struct bc_conn *conn, uint64_t tail)
{
	return (conn->in_flight & BC_CONN_SENDS) == 0 &&
	       outbox_is_empty(&conn->session->outbox) &&
	       (conn->role != BCAST_ROLE_RECEIVER || conn->cursor == tail ||
		(filter_is_on(conn) && session_is_between(conn)));
}

uint64_t session_beat(struct lane *lane, struct bc_conn *conn)
{
	const struct bcast_heartbeat heartbeat = {
		.position = lane->tail,
		.sequence = bc_record_tail(&lane->segment->ring).sequence,
	};
	const struct session *session = conn->session;
	uint64_t due_ns = session->spoke_ns + session->heartbeat_ns;

	if (lane->now_ns < due_ns)
		return due_ns;
	if (is_idle(conn, lane->tail)) {
		filter_tell(lane, conn);
		session_tell(lane, conn, BCAST_PACKET_HEARTBEAT, 0, &heartbeat,
			     sizeof(heartbeat));
	}
	return lane->now_ns + session->heartbeat_ns;
}

bool session_may_end(struct lane *lane, struct bc_conn *conn)
{
	const struct bcast_end end = {
		.position = lane->tail,
		.sequence = bc_record_tail(&lane->segment->ring).sequence,
	};

	if (conn->session->state == SESSION_LEAVING || conn->session->skips ||
	    !session_is_between(conn))
		return false;
	filter_tell(lane, conn);
	if (conn->session->state == SESSION_SERVING)
		session_tell(lane, conn, BCAST_PACKET_END, 0, &end,
			     sizeof(end));
	session_say_goodbye(lane, conn, BCAST_CLOSE_SHUTDOWN);
	return outbox_is_empty(&conn->session->outbox);
}
