/* SPDX-License-Identifier: MIT */
/* publishing.c - see publishing.h. */
#include <errno.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/peers.h"
#include "shm/publisher_table.h"
#include "shm/record_index.h"
#include "src/commit.h"
#include "src/gating.h"
#include "src/ingest.h"
#include "src/publish_copy.h"
#include "src/publish_direct.h"
#include "src/publisher.h"
#include "src/publishers.h"
#include "src/publishing.h"
#include "src/rates.h"
#include "src/request.h"
#include "src/session.h"
#include "src/session_tell.h"

bool publishing_has_more(const struct daemon *daemon)
{
	return daemon->publishing.more;
}

/* ---- Events and the turn of the loop ----------------------------------- */

/* It sends no more. What it has not been told yet, it is told now. */
static void finish(struct daemon *daemon, struct publisher *publisher)
{
	commit_acknowledge(daemon, publisher);
	session_leave(&daemon->home, publisher->conn, BCAST_CLOSE_PEER);
}

static void count_received(struct daemon *daemon, struct bc_conn *conn,
			   uint64_t bytes)
{
	conn->session->heard_ns = daemon->home.now_ns;
	bc_counter_add(daemon->counters, BC_COUNTER_receives, 1);
	rates_take(&daemon->home, conn, CONFIG_RATE_INGEST, bytes);
	if (conn->role == BCAST_ROLE_RECEIVER)
		return; /* what is shown of it is what it is sent */
	conn->bytes += bytes;
	bc_peers_progress(conn->shown, daemon_tail(daemon) + bytes, bytes,
			  daemon->home.now_ns);
	bc_peers_set_release(conn->shown, daemon_tail(daemon) + bytes);
}

void publishing_on_recv(struct daemon *daemon, struct bc_conn *conn, int result)
{
	struct publisher *publisher = conn->session->publisher;

	if (publisher->direct)
		daemon->publishing.receiving = false;
	if (!publisher_is_live(publisher))
		return;
	if (result > 0) {
		count_received(daemon, conn, (uint64_t)result);
		if (publisher->direct)
			publish_direct_take(daemon, publisher,
					    (uint64_t)result);
		else
			publish_copy_take(publisher, (size_t)result);
	} else if (result == 0) {
		finish(daemon, publisher);
	} else if (result != -EAGAIN && result != -EINTR &&
		   result != -ECANCELED) {
		bc_conn_end(&daemon->home.conns, conn, BCAST_CLOSE_RESET,
			    result);
	}
}

static void drop_those_who_leave(struct daemon *daemon)
{
	struct publishing *publishing = &daemon->publishing;

	for (uint32_t i = publishing->count; i > 0; i--)
		if (!publisher_is_live(publishing->all[i - 1]))
			publishers_drop(daemon, publishing->all[i - 1]);
}

bool publishing_turn(struct daemon *daemon)
{
	struct publishing *publishing = &daemon->publishing;
	bool moved = false;

	if (publishing->count == 0)
		return false;
	drop_those_who_leave(daemon);
	if (publishing->direct) {
		moved = publish_direct_publish(daemon);
		publish_direct_go_on(daemon);
		moved = publish_direct_publish(daemon) || moved;
	} else {
		moved = publish_copy_turn(daemon);
	}
	for (uint32_t i = 0; i < publishing->count; i++)
		commit_acknowledge(daemon, publishing->all[i]);
	return moved;
}

bool publishing_arm(struct daemon *daemon)
{
	struct publishing *publishing = &daemon->publishing;

	if (publishing->count == 0)
		return false;
	if (publishing->direct)
		publish_direct_arm(daemon);
	else if (!publishing->held)
		gating_pass(daemon);
	return true;
}

/* ---- The end ----------------------------------------------------------- */

bool publishing_is_receiving(const struct daemon *daemon)
{
	const struct publishing *publishing = &daemon->publishing;

	for (uint32_t i = 0; i < publishing->count; i++)
		if (publishing->all[i]->conn->in_flight & BC_CONN_PUBLISH)
			return true;
	return publishing->receiving;
}

void publishing_drain(struct daemon *daemon)
{
	const struct publishing *publishing = &daemon->publishing;

	for (uint32_t i = 0; i < publishing->count; i++)
		request_cancel(&daemon->home, publishing->all[i]->conn,
			       BC_CONN_RECV | BC_CONN_PUBLISH);
}
