/* SPDX-License-Identifier: MIT */
/* roles.c - see roles.h. */
#include <errno.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/peers.h"
#include "src/egress.h"
#include "src/greeting.h"
#include "src/ingest.h"
#include "src/introduce.h"
#include "src/lanes.h"
#include "src/local.h"
#include "src/log.h"
#include "src/publishers.h"
#include "src/receivers.h"
#include "src/remote_nodes.h"
#include "src/request.h"
#include "src/session.h"
#include "src/roles.h"

/* A connection that is not taken: say why, in the log and the memory. */
static void refuse(struct daemon *daemon, int fd, uint32_t role,
		   uint32_t reason)
{
	char text[BC_SOCKADDR_TEXT_MAX];
	bool sender = role == BCAST_ROLE_SENDER;

	bc_peer_socket_describe(fd, text, sizeof(text));
	(void)close(fd);
	bc_counter_add(daemon->counters,
		       sender ? BC_COUNTER_senders_refused
			      : BC_COUNTER_receivers_refused,
		       1);
	lane_remember(&daemon->home,
		      &(struct bc_peer_closing){
			      .role = role,
			      .reason = reason,
			      .peer = text,
			      .cursor = daemon_tail(daemon),
			      .connected_realtime_ns = bc_realtime_ns(),
		      });
	log_event(LOG_LEVEL_WARN,
		  sender ? "sender_refused" : "receiver_refused",
		  "peer=%s reason=%s", text, bcast_close_reason_name(reason));
}

/* Receivers and clients that do not receive, together. */
static bool clients_have_room(const struct daemon *daemon)
{
	uint32_t others = daemon->home.clients - daemon->home.subscribers;

	return receivers_count(daemon) + others < daemon->config.max_receivers;
}

/* Which role a newcomer gets; 0 with a reason if none. */
static uint32_t choose_role(const struct daemon *daemon, enum config_role door,
			    uint32_t *reason)
{
	if (door == CONFIG_ROLE_PACKET) {
		*reason = BCAST_CLOSE_LIMIT;
		return clients_have_room(daemon) ? BCAST_ROLE_GREETING : 0;
	}
	if (door != CONFIG_ROLE_EGRESS && ingest_is_free(daemon))
		return BCAST_ROLE_WAITING;
	*reason = BCAST_CLOSE_BUSY;
	if (door == CONFIG_ROLE_INGEST)
		return 0;
	*reason = BCAST_CLOSE_LIMIT;
	return clients_have_room(daemon) ? BCAST_ROLE_RECEIVER : 0;
}

/* Returns false if there is no slot left. */
static bool take_in(struct daemon *daemon, uint32_t listener_index, int fd,
		    uint32_t role)
{
	struct lane *home = &daemon->home;
	struct bc_conn *conn;

	if (role == BCAST_ROLE_RECEIVER)
		local_admit(daemon);
	if (role == BCAST_ROLE_RECEIVER && daemon->lanes.count > 0) {
		lanes_give(
			daemon,
			&(struct lane_newcomer){
				.fd = fd,
				.listener = listener_index,
				.door = daemon->listeners[listener_index].door,
				.position = daemon_tail(daemon),
			});
		return true;
	}
	conn = bc_conn_open(&home->conns, fd);
	if (!conn)
		return false;
	conn->listener = listener_index;
	conn->door = daemon->listeners[listener_index].door;
	if (role == BCAST_ROLE_RECEIVER) {
		introduce_receiver(home, conn, daemon_tail(daemon));
		return true;
	}
	introduce(home, conn, role, daemon_tail(daemon));
	if (role == BCAST_ROLE_WAITING)
		ingest_join(daemon, conn);
	else if (session_open(home, conn) == 0)
		greeting_begin(daemon, conn);
	else
		bc_conn_end(&home->conns, conn, BCAST_CLOSE_LIMIT, -ENOMEM);
	return true;
}

void roles_accepted(struct daemon *daemon, uint32_t listener_index, int fd)
{
	enum config_role door = daemon->listeners[listener_index].role;
	uint32_t refused_role = door == CONFIG_ROLE_INGEST
					? BCAST_ROLE_SENDER
					: BCAST_ROLE_RECEIVER;
	uint32_t reason = 0;
	uint32_t role;

	if (door == CONFIG_ROLE_ECHO) {
		echo_accepted(daemon, listener_index, fd);
		return;
	}
	role = choose_role(daemon, door, &reason);
	bc_counter_add(daemon->counters, BC_COUNTER_accepts, 1);
	if (role == 0 || daemon->phase != DAEMON_RUNNING)
		refuse(daemon, fd, refused_role,
		       role ? BCAST_CLOSE_SHUTDOWN : reason);
	else if (!take_in(daemon, listener_index, fd, role))
		refuse(daemon, fd, refused_role, BCAST_CLOSE_LIMIT);
}

/* ---- A receiver that starts to send ------------------------------------ */

static bool may_become_sender(const struct daemon *daemon,
			      const struct bc_conn *conn)
{
	return daemon->config.reassign == CONFIG_REASSIGN_ANY &&
	       daemon->listeners[conn->listener].role == CONFIG_ROLE_ANY &&
	       daemon->phase == DAEMON_RUNNING && ingest_is_free(daemon);
}

bool roles_offer_promotion(struct daemon *daemon, struct bc_conn *conn)
{
	if (!may_become_sender(daemon, conn))
		return false;
	/* as a sender it could wait for itself: egress_on_settled() is next */
	if (conn->owed.count > 0)
		return true;
	egress_remove(&daemon->home, conn);
	bc_counter_add(daemon->counters, BC_COUNTER_receivers_left, 1);
	log_event(LOG_LEVEL_INFO, "receiver_left",
		  "peer=%s bytes=%llu reason=starts_to_send", conn->peer,
		  (unsigned long long)conn->bytes);
	request_cancel(&daemon->home, conn, BC_CONN_SENDS);
	conn->bytes = 0;
	conn->role = BCAST_ROLE_WAITING;
	bc_peers_set_role(conn->shown, conn->role, daemon_tail(daemon));
	ingest_join(daemon, conn);
	return true;
}

/* ---- The end ----------------------------------------------------------- */

void roles_left(struct daemon *daemon, struct bc_conn *conn)
{
	if (conn->session) {
		publishers_left(daemon, conn);
		remote_nodes_leave(daemon, conn);
	} else if (conn->role != BCAST_ROLE_RECEIVER) {
		ingest_remove(daemon, conn);
	}
}
