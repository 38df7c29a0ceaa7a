/* SPDX-License-Identifier: MIT */
/* greeting.c - see greeting.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/record.h"
#include "src/filter.h"
#include "src/greeting.h"
#include "src/introduce.h"
#include "src/lag.h"
#include "src/lanes.h"
#include "src/log.h"
#include "src/post.h"
#include "src/publishers.h"
#include "src/remote_nodes.h"
#include "src/request.h"
#include "src/send_queue.h"
#include "src/session.h"
#include "src/session_input.h"
#include "src/session_tell.h"
#include "src/start_place.h"

#define HEADER	   ((uint32_t)sizeof(struct bcast_packet_header))
#define HELLO_ROOM (HEADER + BCAST_HELLO_MAX)

static void receive(struct daemon *daemon, struct bc_conn *conn, uint32_t until)
{
	struct session *session = conn->session;

	if (request_hello(&daemon->home, conn,
			  session->hello + session->hello_have,
			  until - session->hello_have) < 0)
		bc_conn_end(&daemon->home.conns, conn, BCAST_CLOSE_RESET,
			    -ENOMEM);
}

void greeting_begin(struct daemon *daemon, struct bc_conn *conn)
{
	struct session *session = conn->session;

	session->hello = malloc(HELLO_ROOM);
	if (session->hello)
		receive(daemon, conn, HEADER);
	else
		bc_conn_end(&daemon->home.conns, conn, BCAST_CLOSE_LIMIT,
			    -ENOMEM);
}

/* ---- What it may have -------------------------------------------------- */

/* Is it this stream, and is there nothing in the way? */
static bool is_acceptable(struct daemon *daemon, struct bc_conn *conn,
			  const struct bc_hello *hello)
{
	struct lane *home = &daemon->home;

	if (hello->name[0] != '\0' &&
	    strcmp(hello->name, daemon->config.name) != 0) {
		session_reject(home, conn, BCAST_REJECT_STREAM,
			       "another stream is served here", 0);
		return false;
	}
	if (daemon->phase != DAEMON_RUNNING) {
		session_reject(home, conn, BCAST_REJECT_ENDING,
			       "the daemon is stopping", 1000);
		return false;
	}
	return true;
}

static uint64_t heartbeat_ns(const struct daemon *daemon,
			     const struct bc_hello *hello)
{
	uint32_t ms = daemon->config.heartbeat_ms;

	if (hello->fixed.heartbeat_ms != 0 && hello->fixed.heartbeat_ms < ms)
		ms = hello->fixed.heartbeat_ms;
	return ms * (uint64_t)BC_NS_PER_MS;
}

static void fill_welcome(const struct daemon *daemon,
			 const struct bc_conn *conn, struct bc_welcome *welcome)
{
	const struct bc_identity_shm *identity =
		&daemon->segment.control->identity;
	uint64_t payload_max =
		bc_record_max(identity->capacity) - BC_RECORD_HEADER;

	welcome->fixed.roles = conn->session->roles;
	welcome->fixed.epoch = identity->epoch;
	welcome->fixed.tail = daemon_tail(daemon);
	welcome->fixed.capacity = identity->capacity;
	welcome->fixed.payload_max = (uint32_t)payload_max;
	welcome->fixed.message_max = post_limit(conn);
	welcome->fixed.heartbeat_ms =
		(uint32_t)(conn->session->heartbeat_ns / BC_NS_PER_MS);
	welcome->fixed.idle_timeout_ms = daemon->config.idle_timeout_ms;
	memcpy(welcome->name, daemon->config.name, sizeof(welcome->name));
}

static void answer(struct daemon *daemon, struct bc_conn *conn,
		   struct bc_welcome *welcome)
{
	unsigned char frame[BC_HELLO_FRAME_MAX];

	fill_welcome(daemon, conn, welcome);
	(void)outbox_add_bytes(&conn->session->outbox, frame,
			       bc_welcome_write(frame, welcome));
	send_queue_nudge(&daemon->home, conn);
	bc_counter_add(daemon->counters, BC_COUNTER_clients_welcomed, 1);
	log_event(LOG_LEVEL_INFO, "client_welcomed", "peer=%s roles=%s%s%s",
		  conn->peer,
		  conn->session->roles & BCAST_CLIENT_SUBSCRIBE ? "subscribe,"
								: "",
		  conn->session->roles & BCAST_CLIENT_PUBLISH ? "publish," : "",
		  conn->session->roles & BCAST_CLIENT_NODE ? "node" : "");
}

static void forget_hello(struct session *session)
{
	free(session->hello);
	session->hello = NULL;
}

/* False: it has been rejected. */
static bool find_start(struct daemon *daemon, struct bc_conn *conn,
		       const struct bc_hello *hello, struct start_place *start)
{
	struct bcast_hello wish = hello->fixed;
	const char *why = "";
	int code;

	/* who does not subscribe is told the live end */
	if ((wish.roles & BCAST_CLIENT_SUBSCRIBE) == 0)
		wish.from = BCAST_START_LIVE;
	code = start_place_choose(daemon, &wish, start, &why);
	if (code == 0)
		return true;
	session_reject(&daemon->home, conn, (uint32_t)code, why,
		       code == BCAST_REJECT_BUSY ? 100 : 0);
	return false;
}

static void begin_to_serve(struct daemon *daemon, struct bc_conn *conn,
			   const struct start_place *start)
{
	struct lane *home = &daemon->home;

	if (start->has_gap)
		session_tell_gap(home, conn, &start->gap);
	if (daemon->lanes.count > 0 &&
	    conn->session->roles == BCAST_CLIENT_SUBSCRIBE) {
		forget_hello(conn->session);
		lanes_take_over(daemon, conn, start->at.position);
		return;
	}
	session_serve(home, conn);
	if (conn->session->roles & BCAST_CLIENT_SUBSCRIBE)
		introduce_subscriber(home, conn, start->at.position);
	else
		introduce_client(home, conn);
}

static void welcome(struct daemon *daemon, struct bc_conn *conn,
		    const struct bc_hello *hello)
{
	struct bc_welcome welcome = {.fixed.version = BCAST_PROTOCOL_VERSION};
	struct session *session = conn->session;
	struct start_place start;

	if (!publishers_admit(daemon, conn, hello, &welcome.fixed) ||
	    !find_start(daemon, conn, hello, &start) ||
	    !remote_nodes_join(daemon, conn, hello))
		return;
	if (filter_open(conn, hello) < 0) {
		bc_conn_end(&daemon->home.conns, conn, BCAST_CLOSE_LIMIT,
			    -ENOMEM);
		return;
	}
	welcome.fixed.flags = start.flags;
	welcome.fixed.position = start.at.position;
	welcome.fixed.sequence = start.at.sequence;
	session->roles = hello->fixed.roles;
	session->wish = hello->fixed.policy;
	session->idle_ns =
		daemon->config.idle_timeout_ms * (uint64_t)BC_NS_PER_MS;
	session->heartbeat_ns = heartbeat_ns(daemon, hello);
	session->span_end = start.at.position;
	answer(daemon, conn, &welcome);
	begin_to_serve(daemon, conn, &start);
}

static void on_whole(struct daemon *daemon, struct bc_conn *conn)
{
	struct session *session = conn->session;
	struct bc_packet_frame frame = {
		.payload = session->hello + HEADER,
	};
	struct bc_hello hello;
	const char *why;
	int code;

	memcpy(&frame.header, session->hello, sizeof(frame.header));
	code = bc_hello_read(&frame, &hello, &why);
	if (code != 0)
		session_reject(&daemon->home, conn, (uint32_t)code, why, 0);
	else if (is_acceptable(daemon, conn, &hello))
		welcome(daemon, conn, &hello);
	/* it may have been handed over, or be taken up again */
	if (conn->session && !session->waits)
		forget_hello(session);
}

void greeting_resume(struct daemon *daemon)
{
	struct bc_conn_table *conns = &daemon->home.conns;

	if (!daemon->publishing.waited_for || daemon->publishing.receiving)
		return;
	daemon->publishing.waited_for = false;
	for (uint32_t slot = 0; slot < conns->count; slot++) {
		struct bc_conn *conn = &conns->conns[slot];

		if (conn->state != BC_CONN_OPEN || !conn->session ||
		    conn->session->state != SESSION_GREETING ||
		    !conn->session->waits)
			continue;
		conn->session->waits = false;
		on_whole(daemon, conn);
	}
}

/* ---- How it comes ------------------------------------------------------ */

/* How long it will be, once the header is here; 0: it is no HELLO. */
static uint32_t whole_size(const struct session *session)
{
	struct bcast_packet_header header;

	memcpy(&header, session->hello, sizeof(header));
	if (header.type != BCAST_PACKET_HELLO ||
	    header.length > BCAST_HELLO_MAX)
		return 0;
	return (uint32_t)bcast_packet_size(header.length);
}

static void on_more(struct daemon *daemon, struct bc_conn *conn)
{
	struct session *session = conn->session;
	uint32_t whole = HEADER;

	if (session->hello_have >= HEADER)
		whole = whole_size(session);
	if (whole == 0)
		session_reject(&daemon->home, conn, BCAST_REJECT_PROTOCOL,
			       "the first record is not a HELLO", 0);
	else if (session->hello_have < whole)
		receive(daemon, conn, whole);
	else
		on_whole(daemon, conn);
}

void greeting_on_recv(struct daemon *daemon, struct bc_conn *conn, int result)
{
	struct bc_conn_table *conns = &daemon->home.conns;

	if (conn->state != BC_CONN_OPEN ||
	    conn->session->state != SESSION_GREETING)
		return;
	if (result > 0)
		conn->session->hello_have += (uint32_t)result;
	if (result == 0)
		bc_conn_end(conns, conn, BCAST_CLOSE_PEER, 0);
	else if (result < 0 && result != -EAGAIN && result != -EINTR)
		bc_conn_end(conns, conn, BCAST_CLOSE_RESET, result);
	else
		on_more(daemon, conn);
}
