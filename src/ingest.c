/* SPDX-License-Identifier: MIT */
/*
 * ingest.c - see ingest.h.
 *
 * One receive is in flight at a time, over all senders, since it writes to the
 * ring from the tail on: `receiving` is set when it is posted and cleared by
 * its event only, so that a sender which was closed meanwhile still keeps its
 * successor from writing to the same bytes.
 */
#include <errno.h>
#include <poll.h>

#include <bcast/monitor.h>

#include "shm/lease.h"
#include "shm/peers.h"
#include "src/follow.h"
#include "src/gating.h"
#include "src/ingest.h"
#include "src/log.h"
#include "src/publisher.h"
#include "src/rates.h"
#include "src/receivers.h"
#include "src/request.h"

/*
 * Has the peer sent its end, whatever is still unread before it? Its FIN tells;
 * but that comes after its last byte, and while we do not read, these wait in
 * its own kernel. Of a peer on this machine we can know that it has closed.
 */
static bool has_finished(const struct daemon *daemon,
			 const struct bc_conn *conn)
{
	struct pollfd poll_fd = {.fd = conn->fd, .events = POLLRDHUP};

	if (conn->state != BC_CONN_OPEN)
		return true;
	if (poll(&poll_fd, 1, 0) == 1 &&
	    (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
		return true;
	return bc_peer_socket_held(&daemon->home.peer_socket, conn->fd) == 0;
}

bool ingest_is_free(const struct daemon *daemon)
{
	const struct ingest *ingest = &daemon->ingest;

	/* records come by --packet, or from local processes */
	if (daemon->config.format != CONFIG_FORMAT_RAW)
		return false;
	if (ingest->line_count == 0)
		return bc_lease_held(&daemon->segment) == 0;
	return ingest->line_count < DAEMON_SENDERS_MAX &&
	       has_finished(daemon, ingest->line[ingest->line_count - 1]);
}

/*
 * For the first in line. A local publisher may have taken it since we looked;
 * and where the last one left off we learn only now.
 */
static bool take_lease(struct daemon *daemon, const struct bc_conn *conn)
{
	const struct bc_owner_shm *owner = &daemon->segment.control->owner;
	uint64_t word = bc_lease_word(
		BC_LEASE_DAEMON, bc_conn_slot(&daemon->home.conns, conn),
		atomic_load_explicit(&owner->incarnation,
				     memory_order_relaxed));

	if (daemon->ingest.has_lease) {
		bc_lease_rename(&daemon->segment, word);
		return true;
	}
	if (bc_lease_take(&daemon->segment, word) != 1)
		return false;
	daemon->ingest.has_lease = true;
	follow_stream(daemon);
	return true;
}

static void take_over(struct daemon *daemon, struct bc_conn *conn)
{
	uint64_t tail;

	if (!take_lease(daemon, conn)) {
		bc_conn_end(&daemon->home.conns, conn, BCAST_CLOSE_BUSY, 0);
		return;
	}
	tail = daemon_tail(daemon);
	conn->role = BCAST_ROLE_SENDER;
	bc_peers_set_role(conn->shown, conn->role, tail);
	bc_counter_add(daemon->counters, BC_COUNTER_senders_joined, 1);
	log_event(LOG_LEVEL_INFO, "sender_joined", "peer=%s position=%llu",
		  conn->peer, (unsigned long long)tail);
}

void ingest_join(struct daemon *daemon, struct bc_conn *conn)
{
	struct ingest *ingest = &daemon->ingest;

	BC_ASSERT(ingest->line_count < DAEMON_SENDERS_MAX);
	ingest->line[ingest->line_count++] = conn;
	bc_counter_set(daemon->counters, BC_COUNTER_senders,
		       ingest->line_count);
	if (ingest->line_count == 1)
		take_over(daemon, conn);
}

void ingest_remove(struct daemon *daemon, struct bc_conn *conn)
{
	struct ingest *ingest = &daemon->ingest;
	uint32_t at = 0;

	while (at < ingest->line_count && ingest->line[at] != conn)
		at++;
	BC_ASSERT(at < ingest->line_count);
	ingest->line_count--;
	for (uint32_t i = at; i < ingest->line_count; i++)
		ingest->line[i] = ingest->line[i + 1];
	bc_counter_set(daemon->counters, BC_COUNTER_senders,
		       ingest->line_count);
	if (at > 0)
		return;
	if (conn->role == BCAST_ROLE_SENDER)
		bc_counter_add(daemon->counters, BC_COUNTER_senders_left, 1);
	if (ingest->line_count > 0 && daemon->phase == DAEMON_RUNNING)
		take_over(daemon, ingest->line[0]);
}

/* ---- Events and the turn of the loop ----------------------------------- */

static void count_received(struct daemon *daemon, struct bc_conn *conn,
			   uint64_t bytes)
{
	conn->bytes += bytes;
	daemon->ingest.received += bytes;
	rates_take(&daemon->home, conn, CONFIG_RATE_INGEST, bytes);
	bc_counter_add(daemon->counters, BC_COUNTER_bytes_in, bytes);
	bc_counter_add(daemon->counters, BC_COUNTER_receives, 1);
	bc_peers_progress(conn->shown, daemon_tail(daemon) + bytes, bytes,
			  daemon->home.now_ns);
	bc_peers_set_release(conn->shown, daemon_tail(daemon) + bytes);
}

void ingest_on_recv(struct daemon *daemon, struct bc_conn *conn, int result)
{
	daemon->ingest.receiving = false;
	if (result > 0)
		count_received(daemon, conn, (uint64_t)result);
	else if (result == 0)
		bc_conn_end(&daemon->home.conns, conn, BCAST_CLOSE_PEER, 0);
	else if (result != -EAGAIN && result != -EINTR && result != -ECANCELED)
		bc_conn_end(&daemon->home.conns, conn, BCAST_CLOSE_RESET,
			    result);
}

bool ingest_publish(struct daemon *daemon)
{
	struct ingest *ingest = &daemon->ingest;

	if (ingest->received == 0)
		return false;
	bc_ring_publish(&daemon->segment.ring, ingest->received,
			daemon->home.now_ns);
	daemon->home.tail += ingest->received;
	ingest->received = 0;
	bc_counter_add(daemon->counters, BC_COUNTER_publishes, 1);
	(void)bc_backend_wake(daemon->backend,
			      &daemon->segment.ring.head->publish_count);
	return true;
}

bool ingest_is_over(const struct daemon *daemon)
{
	const struct ingest *ingest = &daemon->ingest;

	return ingest->line_count == 0 && !ingest->receiving &&
	       ingest->received == 0 && publisher_none(daemon);
}

void ingest_release(struct daemon *daemon)
{
	if (!daemon->ingest.has_lease || !ingest_is_over(daemon))
		return;
	daemon->ingest.has_lease = false;
	bc_lease_give(&daemon->segment);
}

void ingest_pause(struct daemon *daemon)
{
	if (daemon->ingest.paused_since_ns != 0)
		return;
	daemon->ingest.paused_since_ns = daemon->home.now_ns;
	bc_counter_add(daemon->counters, BC_COUNTER_sender_pauses, 1);
}

void ingest_resume(struct daemon *daemon)
{
	struct ingest *ingest = &daemon->ingest;

	if (ingest->paused_since_ns == 0)
		return;
	bc_counter_add(daemon->counters, BC_COUNTER_sender_paused_ns,
		       daemon->home.now_ns - ingest->paused_since_ns);
	ingest->paused_since_ns = 0;
}

bool ingest_given_up(struct daemon *daemon)
{
	struct ingest *ingest = &daemon->ingest;
	uint64_t last_ns = receivers_last_progress_ns(daemon);

	if (ingest->given_up)
		ingest->given_up = backpressure_is_stalled(daemon->home.now_ns,
							   1, last_ns);
	else
		ingest->given_up = backpressure_is_stalled(
			daemon->home.now_ns, ingest->paused_since_ns, last_ns);
	return ingest->given_up;
}

bool ingest_wants_to_read(const struct daemon *daemon)
{
	return daemon->ingest.line_count > 0 && !daemon->ingest.receiving &&
	       daemon->phase == DAEMON_RUNNING;
}

bool ingest_may_read(struct daemon *daemon,
		     const struct backpressure_positions *at)
{
	switch (backpressure_admit(&daemon->limits, at,
				   ingest_given_up(daemon))) {
	case BACKPRESSURE_READ:
		ingest_resume(daemon);
		gating_pass(daemon);
		return true;
	case BACKPRESSURE_GATED:
		ingest_resume(daemon);
		gating_hold(daemon);
		return false;
	case BACKPRESSURE_NO_ROOM:
	case BACKPRESSURE_TOO_FAST:
		break;
	}
	gating_pass(daemon);
	ingest_pause(daemon);
	return false;
}

uint64_t ingest_allowance(struct daemon *daemon)
{
	return rates_allow(&daemon->home, daemon->ingest.line[0],
			   CONFIG_RATE_INGEST, daemon->limits.read_bytes);
}

void ingest_arm(struct daemon *daemon, const struct backpressure_positions *at,
		uint64_t bytes)
{
	struct ingest *ingest = &daemon->ingest;

	if (!ingest_wants_to_read(daemon) || !ingest_may_read(daemon, at))
		return;
	if (request_recv(&daemon->home, ingest->line[0],
			 bc_ring_reserve(&daemon->segment.ring, bytes),
			 bytes) == 0)
		ingest->receiving = true;
}
