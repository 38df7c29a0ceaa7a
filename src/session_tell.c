/* SPDX-License-Identifier: MIT */
/* session_tell.c - see session_tell.h. */
#include <errno.h>
#include <stdio.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "src/log.h"
#include "src/send_queue.h"
#include "src/session.h"
#include "src/session_tell.h"

/* What a rejected client gets for reading why. */
#define LAST_WORDS_NS ((uint64_t)BC_NS_PER_S)

void session_tell(struct lane *lane, struct bc_conn *conn, uint16_t type,
		  uint64_t sequence, const void *payload, uint32_t length)
{
	const struct bcast_packet_header header = {
		.length = length,
		.type = type,
		.sequence = sequence,
	};

	/* who does not take what it is told gets no more of it */
	if (outbox_add(&conn->session->outbox, &header, payload) == 0)
		send_queue_nudge(lane, conn);
}

void session_tell_gap(struct lane *lane, struct bc_conn *conn,
		      const struct bcast_gap *gap)
{
	const struct bcast_packet_header header = {
		.length = sizeof(*gap),
		.type = BCAST_PACKET_GAP,
	};
	unsigned char frame[BC_HELLO_FRAME_MAX];

	if (outbox_add_bytes(&conn->session->outbox, frame,
			     bc_packet_write(frame, &header, gap)) < 0)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_LIMIT, -ENOMEM);
	send_queue_nudge(lane, conn);
}

void session_say_goodbye(struct lane *lane, struct bc_conn *conn,
			 uint32_t reason)
{
	conn->session->state = SESSION_LEAVING;
	conn->session->leave_reason = reason;
	conn->session->leave_by_ns = lane->now_ns + LAST_WORDS_NS;
	lane_look_soon(lane, conn);
	send_queue_nudge(lane, conn);
}

void session_leave(struct lane *lane, struct bc_conn *conn, uint32_t reason)
{
	if (outbox_is_empty(&conn->session->outbox))
		bc_conn_end(&lane->conns, conn, reason, 0);
	else
		session_say_goodbye(lane, conn, reason);
}

void session_reject(struct lane *lane, struct bc_conn *conn, uint32_t code,
		    const char *why, uint32_t retry_after_ms)
{
	struct bc_reject reject = {
		.code = code,
		.retry_after_ms = retry_after_ms,
	};
	unsigned char frame[BC_HELLO_FRAME_MAX];

	if (conn->session->state == SESSION_LEAVING ||
	    conn->state != BC_CONN_OPEN)
		return;
	(void)snprintf(reject.text, sizeof(reject.text), "%s", why);
	bc_tally_add(&lane->tally, BC_COUNTER_clients_rejected, 1);
	log_event(LOG_LEVEL_WARN, "client_rejected",
		  "peer=%s code=%s why=\"%s\"", conn->peer,
		  bc_reject_name(code), why);
	(void)outbox_add_bytes(&conn->session->outbox, frame,
			       bc_reject_write(frame, &reject));
	session_say_goodbye(lane, conn,
			    code == BCAST_REJECT_TIMEOUT
				    ? BCAST_CLOSE_IDLE
				    : BCAST_CLOSE_REJECTED);
}
