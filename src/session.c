/* SPDX-License-Identifier: MIT */
/* session.c - see session.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/record.h"
#include "shm/record_index.h"
#include "src/egress.h"
#include "src/filter.h"
#include "src/log.h"
#include "src/post.h"
#include "src/publishers.h"
#include "src/remote_nodes.h"
#include "src/request.h"
#include "src/session.h"
#include "src/skip.h"

/* What a rejected client gets for reading why. */
#define LAST_WORDS_NS ((uint64_t)BC_NS_PER_S)

/* So many headers are looked at to find where a span may end. */
#define SPAN_RECORDS 1024u
#define SPAN_BYTES   (UINT64_C(1) << 20)

int session_open(struct lane *lane, struct bc_conn *conn)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->state = SESSION_GREETING;
	session->heard_ns = lane->now_ns;
	session->spoke_ns = lane->now_ns;
	conn->session = session;
	lane->clients++;
	return 0;
}

/* What this lane's clock says may be somewhat earlier than the other's. */
void session_move(struct lane *lane, struct bc_conn *conn)
{
	conn->session->heard_ns = lane->now_ns;
	conn->session->spoke_ns = lane->now_ns;
	lane->clients++;
	lane->subscribers++;
}

void session_end(struct lane *lane, struct bc_conn *conn)
{
	egress_forget(lane, conn);
	remote_nodes_leave(lane, conn);
	lane->clients--;
	if (conn->role == BCAST_ROLE_RECEIVER)
		lane->subscribers--;
}

void session_close(struct bc_conn *conn)
{
	struct session *session = conn->session;

	if (!session)
		return;
	outbox_fini(&session->outbox);
	bc_packet_stream_fini(&session->in);
	publishers_free(session->publisher);
	free(session->hello);
	free(session->key);
	free(session);
	conn->session = NULL;
}

/* ---- Between records --------------------------------------------------- */

bool session_is_between(const struct bc_conn *conn)
{
	return conn->role != BCAST_ROLE_RECEIVER ||
	       conn->cursor == conn->session->span_end;
}

bool session_has_words(const struct bc_conn *conn)
{
	return !outbox_is_empty(&conn->session->outbox) &&
	       session_is_between(conn);
}

int session_speak(struct lane *lane, struct bc_conn *conn)
{
	const void *bytes;
	size_t size = outbox_next(&conn->session->outbox, &bytes);
	int ret = request_send(lane, conn, bytes, size);

	conn->session->speaking = ret == 0;
	return ret;
}

/* Who has closed its side need not take its last words. */
static void end_broken(struct lane *lane, struct bc_conn *conn, int error)
{
	const struct session *session = conn->session;

	if (session->state == SESSION_LEAVING &&
	    session->leave_reason == BCAST_CLOSE_PEER)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_PEER, 0);
	else
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_RESET, error);
}

void session_on_spoken(struct lane *lane, struct bc_conn *conn, int result)
{
	struct session *session = conn->session;

	session->speaking = false;
	if (result > 0) {
		outbox_sent(&session->outbox, (size_t)result);
		session->spoke_ns = lane->now_ns;
	}
	if (conn->state != BC_CONN_OPEN)
		return;
	post_on_spoken(lane, conn);
	if (result < 0 && result != -ECANCELED && result != -EINTR &&
	    result != -EAGAIN)
		end_broken(lane, conn, result);
	else if (session->state == SESSION_LEAVING &&
		 outbox_is_empty(&session->outbox))
		bc_conn_end(&lane->conns, conn, session->leave_reason, 0);
	else
		skip_land(lane, conn);
}

/* Where the next span may end: at the tail, or some records on. */
static uint64_t choose_end(struct lane *lane, struct bc_conn *conn)
{
	const struct bc_ring *ring = &lane->segment->ring;
	uint64_t cursor = conn->cursor;
	uint64_t most = ring->capacity / 16;
	uint64_t at;

	if (most > SPAN_BYTES)
		most = SPAN_BYTES;
	if (filter_is_on(conn))
		return filter_span(lane, conn, most);
	if (lane->tail - cursor <= most)
		return lane->tail;
	at = bc_record_index_boundary(lane->segment, cursor, cursor + most);
	if (at != 0)
		return at;
	at = cursor;
	for (unsigned i = 0; i < SPAN_RECORDS && at - cursor < most; i++)
		at += bcast_packet_size(
			bc_record_length(bc_record_at(ring, at)));
	/* only if somebody has written over the ring */
	return at <= lane->tail ? at : lane->tail;
}

uint64_t session_span(struct lane *lane, struct bc_conn *conn)
{
	struct session *session = conn->session;

	if (conn->role != BCAST_ROLE_RECEIVER || session->skips)
		return 0;
	if (conn->cursor == session->span_end &&
	    session->state == SESSION_SERVING) {
		conn->held = 0;
		session->span_end = choose_end(lane, conn);
	}
	return session->span_end - conn->cursor;
}

void session_on_sent(struct lane *lane, struct bc_conn *conn, uint64_t bytes)
{
	struct session *session = conn->session;

	session->spoke_ns = lane->now_ns;
	conn->held = conn->cursor == session->span_end ? 0 : conn->held + bytes;
}

/* ---- What it is told --------------------------------------------------- */

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
		egress_nudge(lane, conn);
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
	egress_nudge(lane, conn);
}

static void leave(struct lane *lane, struct bc_conn *conn, uint32_t reason)
{
	remote_nodes_leave(lane, conn);
	conn->session->state = SESSION_LEAVING;
	conn->session->leave_reason = reason;
	conn->session->leave_by_ns = lane->now_ns + LAST_WORDS_NS;
	egress_nudge(lane, conn);
}

void session_leave(struct lane *lane, struct bc_conn *conn, uint32_t reason)
{
	if (outbox_is_empty(&conn->session->outbox))
		bc_conn_end(&lane->conns, conn, reason, 0);
	else
		leave(lane, conn, reason);
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
	leave(lane, conn,
	      code == BCAST_REJECT_TIMEOUT ? BCAST_CLOSE_IDLE
					   : BCAST_CLOSE_REJECTED);
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
	leave(lane, conn, BCAST_CLOSE_SHUTDOWN);
	return outbox_is_empty(&conn->session->outbox);
}

/* ---- Time -------------------------------------------------------------- */

/* Who filters may have much to look at, and nothing to send. */
static bool is_idle(const struct bc_conn *conn, uint64_t tail)
{
	return (conn->in_flight & BC_CONN_SENDS) == 0 &&
	       outbox_is_empty(&conn->session->outbox) &&
	       (conn->role != BCAST_ROLE_RECEIVER || conn->cursor == tail ||
		(filter_is_on(conn) && session_is_between(conn)));
}

static void beat(struct lane *lane, struct bc_conn *conn)
{
	const struct bcast_heartbeat heartbeat = {
		.position = lane->tail,
		.sequence = bc_record_tail(&lane->segment->ring).sequence,
	};

	if (lane->now_ns - conn->session->spoke_ns <
		    conn->session->heartbeat_ns ||
	    !is_idle(conn, lane->tail))
		return;
	filter_tell(lane, conn);
	session_tell(lane, conn, BCAST_PACKET_HEARTBEAT, 0, &heartbeat,
		     sizeof(heartbeat));
}

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
			beat(lane, conn);
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
