/* SPDX-License-Identifier: MIT */
/* session_input.c - see session_input.h. */
#include <errno.h>

#include <bcast/monitor.h>

#include "src/post.h"
#include "src/publisher.h"
#include "src/request.h"
#include "src/session.h"
#include "src/session_input.h"
#include "src/session_tell.h"

static void arm(struct lane *lane, struct bc_conn *conn)
{
	if (conn->session->publisher)
		return; /* its bytes go elsewhere: publishing.h */
	if (request_each(lane, conn) < 0)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_RESET, -ENOMEM);
}

void session_serve(struct lane *lane, struct bc_conn *conn)
{
	const struct bc_packet_limits limits = {
		.message_max = post_payload_max(lane, conn),
	};

	bc_packet_stream_init(&conn->session->in, &limits);
	conn->session->state = SESSION_SERVING;
	lane_look_soon(lane, conn);
	arm(lane, conn);
}

static void pong(struct lane *lane, struct bc_conn *conn,
		 const struct bc_packet_frame *frame)
{
	if (frame->header.length > BCAST_PING_MAX)
		session_reject(lane, conn, BCAST_REJECT_SIZE,
			       "a PING of more than 64 bytes", 0);
	else
		session_tell(lane, conn, BCAST_PACKET_PONG,
			     frame->header.sequence, frame->payload,
			     frame->header.length);
}

static void refuse(struct lane *lane, struct bc_conn *conn, const char *why)
{
	session_reject(lane, conn, BCAST_REJECT_PROTOCOL, why, 0);
}

void session_take(struct lane *lane, struct bc_conn *conn,
		  const struct bc_packet_frame *frame)
{
	switch (frame->header.type) {
	case BCAST_PACKET_PING:
		pong(lane, conn, frame);
		return;
	case BCAST_PACKET_HEARTBEAT:
	case BCAST_PACKET_PONG:
		return;
	case BCAST_PACKET_DATA:
		refuse(lane, conn,
		       "DATA of a client that did not ask to "
		       "publish");
		return;
	case BCAST_PACKET_MESSAGE:
	case BCAST_PACKET_NODES:
		if (conn->session->node)
			post_take(lane, conn, frame);
		else
			refuse(lane, conn,
			       "MESSAGE or NODES of a client that did not "
			       "ask to be a node");
		return;
	case BCAST_PACKET_HELLO:
		refuse(lane, conn, "a second HELLO");
		return;
	default:
		/* VERSIONS in packet.h */
		if (frame->header.flags & BCAST_PACKET_MUST)
			refuse(lane, conn,
			       "a record that must be understood, "
			       "of an unknown type");
	}
}

void session_explain(struct lane *lane, struct bc_conn *conn, int error)
{
	if (error == -EMSGSIZE)
		session_reject(lane, conn, BCAST_REJECT_SIZE,
			       "a record longer than its kind may be", 0);
	else if (error == -EBADMSG)
		session_reject(lane, conn, BCAST_REJECT_CHECKSUM,
			       "crc32c is not that of the payload", 0);
	else if (error == -ENOMEM)
		session_reject(lane, conn, BCAST_REJECT_LIMIT,
			       "the daemon is out of memory", 1000);
	else
		refuse(lane, conn, "that is no record");
}

static void take_piece(struct lane *lane, struct bc_conn *conn,
		       struct bc_packet_piece piece)
{
	struct session *session = conn->session;
	struct bc_packet_frame frame;
	int ret = 1;

	session->heard_ns = lane->now_ns;
	while (ret == 1 && conn->state == BC_CONN_OPEN &&
	       session->state == SESSION_SERVING) {
		ret = bc_packet_stream_next(&session->in, &piece, &frame);
		if (ret == 1)
			session_take(lane, conn, &frame);
	}
	if (ret < 0)
		session_explain(lane, conn, ret);
}

void session_on_bytes(struct lane *lane, struct bc_conn *conn,
		      const struct bc_event *event)
{
	bool goes_on = (event->flags & BC_EVENT_MORE) != 0;
	const struct bc_packet_piece piece = {event->bytes,
					      (size_t)event->result};

	if (!goes_on)
		conn->in_flight &= ~BC_CONN_EACH;
	if (conn->state != BC_CONN_OPEN)
		return;
	if (event->result > 0)
		take_piece(lane, conn, piece);
	else if (event->result == 0)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_PEER, 0);
	else if (event->result != -ENOBUFS && event->result != -EINTR &&
		 event->result != -EAGAIN)
		bc_conn_end(&lane->conns, conn, BCAST_CLOSE_RESET,
			    event->result);
	if (!goes_on && conn->state == BC_CONN_OPEN)
		arm(lane, conn);
}
