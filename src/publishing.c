/* SPDX-License-Identifier: MIT */
/* publishing.c - see publishing.h. */
#include <errno.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/peers.h"
#include "shm/publisher_table.h"
#include "shm/record_index.h"
#include "src/gating.h"
#include "src/greeting.h"
#include "src/ingest.h"
#include "src/publish_copy.h"
#include "src/publish_direct.h"
#include "src/publishing.h"
#include "src/rates.h"
#include "src/receivers.h"
#include "src/request.h"
#include "src/session.h"

bool publishing_is_over(const struct daemon *daemon)
{
	return daemon->publishing.count == 0 && !daemon->publishing.receiving;
}

bool publishing_has_more(const struct daemon *daemon)
{
	return daemon->publishing.more;
}

/* ---- Room -------------------------------------------------------------- */

/* As a local publisher does: who lags so far that it never comes has to go. */
static void wish_for_room(struct daemon *daemon, bool wished)
{
	if (bc_lease_wants_room(&daemon->segment) != wished)
		atomic_store_explicit(
			&daemon->segment.control->lease.room_wanted, wished,
			memory_order_relaxed);
}

/* Who is not read can say nothing. */
static void excuse_silence(struct daemon *daemon)
{
	const struct publishing *publishing = &daemon->publishing;

	for (uint32_t i = 0; i < publishing->count; i++)
		publishing->all[i]->conn->session->heard_ns =
			daemon->home.now_ns;
}

bool publishing_may_write(struct daemon *daemon, uint64_t bytes)
{
	struct backpressure_positions at;
	bool may;

	daemon->ingest.need_bytes = bytes;
	at = receivers_positions(daemon);
	at.gate = gating_floor(daemon);
	may = ingest_may_read(daemon, &at);
	wish_for_room(daemon, !may && !daemon->gating.waiting &&
				      bytes > daemon->limits.read_bytes);
	if (!may)
		excuse_silence(daemon);
	return may;
}

void publishing_rest(struct daemon *daemon)
{
	daemon->publishing.more = false;
	daemon->publishing.held = false;
	daemon->ingest.need_bytes = 0;
	wish_for_room(daemon, false);
	gating_pass(daemon);
}

uint64_t publishing_read_size(const struct daemon *daemon, uint64_t have)
{
	uint64_t most = daemon->limits.record_bytes - BC_RECORD_HEADER - have;

	return daemon->limits.read_bytes < most ? daemon->limits.read_bytes
						: most;
}

static uint64_t allowed(struct daemon *daemon, struct publisher *publisher,
			enum config_rate kind, uint64_t wanted)
{
	uint64_t most = rates_allow(&daemon->home, publisher->conn, kind,
				    wanted, &daemon->ingest.rate_due_ns);

	if (most == 0)
		publisher->conn->session->heard_ns = daemon->home.now_ns;
	return most;
}

uint64_t publishing_bytes_allowed(struct daemon *daemon,
				  struct publisher *publisher, uint64_t size)
{
	return allowed(daemon, publisher, CONFIG_RATE_INGEST, size);
}

uint64_t publishing_records_allowed(struct daemon *daemon,
				    struct publisher *publisher)
{
	return allowed(daemon, publisher, CONFIG_RATE_RECORDS, UINT64_MAX);
}

/* ---- Publish and acknowledge ------------------------------------------- */

static void prepare(struct daemon *daemon, uint64_t position)
{
	const struct publishing *publishing = &daemon->publishing;

	for (uint32_t i = 0; i < publishing->count; i++) {
		struct publisher *publisher = publishing->all[i];

		if (publisher->taken == publisher->accepted)
			continue;
		bc_publisher_table_prepare(&daemon->segment, publisher->slot,
					   publisher->taken, position);
		publisher->accepted = publisher->taken;
	}
}

void publishing_flush(struct daemon *daemon, struct bc_record_place to)
{
	struct publishing *publishing = &daemon->publishing;
	struct bc_ring *ring = &daemon->segment.ring;
	uint64_t bytes = to.position - daemon_tail(daemon);
	uint64_t records = to.sequence - daemon->local.sequence;

	prepare(daemon, to.position);
	bc_record_publish(ring, to.position, to.sequence, daemon->home.now_ns);
	/* behind that: a place beyond the tail may be none, after a kill -9 */
	if (to.position - publishing->indexed >=
	    bc_record_index_step(ring->capacity)) {
		bc_record_index_add(&daemon->segment, to, bc_realtime_ns());
		publishing->indexed = to.position;
	}
	daemon->home.tail = to.position;
	daemon->local.sequence = to.sequence;
	bc_counter_add(daemon->counters, BC_COUNTER_bytes_in, bytes);
	bc_counter_add(daemon->counters, BC_COUNTER_records_in, records);
	bc_counter_add(daemon->counters, BC_COUNTER_publishes, 1);
	(void)bc_backend_wake(daemon->backend, &ring->head->publish_count);
}

void publishing_acknowledge(struct daemon *daemon, struct publisher *publisher)
{
	struct outbox *outbox = &publisher->conn->session->outbox;
	const struct bcast_ack ack = {
		.accepted = publisher->accepted,
		.position = daemon_tail(daemon),
	};

	/* one that waits there is enough: the next one says it all */
	if (publisher->acked == publisher->accepted ||
	    outbox->waiting_size != 0)
		return;
	session_tell(&daemon->home, publisher->conn, BCAST_PACKET_ACK, 0, &ack,
		     sizeof(ack));
	if (outbox->waiting_size != 0)
		publisher->acked = publisher->accepted;
}

void publishing_refuse(struct daemon *daemon, struct publisher *publisher,
		       int error)
{
	struct lane *home = &daemon->home;
	struct bc_conn *conn = publisher->conn;

	publishing_acknowledge(daemon, publisher);
	if (error == -ERANGE)
		session_reject(home, conn, BCAST_REJECT_SEQUENCE,
			       "a record's number leaves out some", 0);
	else if (error == -ENOKEY)
		session_reject(home, conn, BCAST_REJECT_CHECKSUM,
			       "crc32c was promised and is not there", 0);
	else if (error == -ENOMSG)
		session_reject(home, conn, BCAST_REJECT_PROTOCOL,
			       "a publisher's records are of type DATA", 0);
	else
		session_explain(home, conn, error);
}

/* ---- Events and the turn of the loop ----------------------------------- */

/* It sends no more. What it has not been told yet, it is told now. */
static void finish(struct daemon *daemon, struct publisher *publisher)
{
	publishing_acknowledge(daemon, publisher);
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
	if (!publishers_is_live(publisher))
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
		if (!publishers_is_live(publishing->all[i - 1]))
			publishers_drop(daemon, publishing->all[i - 1]);
}

bool publishing_turn(struct daemon *daemon)
{
	struct publishing *publishing = &daemon->publishing;
	bool moved = false;

	if (publishing->waited_for && !publishing->receiving) {
		publishing->waited_for = false;
		greeting_resume(daemon);
	}
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
		publishing_acknowledge(daemon, publishing->all[i]);
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
