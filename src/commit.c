/* SPDX-License-Identifier: MIT */
/* commit.c - see commit.h. */
#include <errno.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/publisher_table.h"
#include "shm/record_index.h"
#include "src/commit.h"
#include "src/gating.h"
#include "src/ingest.h"
#include "src/publisher.h"
#include "src/rates.h"
#include "src/receivers.h"
#include "src/session.h"
#include "src/session_input.h"
#include "src/session_tell.h"

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

bool commit_may_write(struct daemon *daemon, uint64_t bytes)
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

void commit_rest(struct daemon *daemon)
{
	daemon->publishing.more = false;
	daemon->publishing.held = false;
	daemon->ingest.need_bytes = 0;
	wish_for_room(daemon, false);
	gating_pass(daemon);
}

uint64_t commit_read_size(const struct daemon *daemon, uint64_t have)
{
	uint64_t most = daemon->limits.record_bytes - BC_RECORD_HEADER - have;

	return daemon->limits.read_bytes < most ? daemon->limits.read_bytes
						: most;
}

/* ---- Rates ------------------------------------------------------------- */

static uint64_t allowed(struct daemon *daemon, struct publisher *publisher,
			enum config_rate kind, uint64_t wanted)
{
	uint64_t most =
		rates_allow(&daemon->home, publisher->conn, kind, wanted);

	if (most == 0)
		publisher->conn->session->heard_ns = daemon->home.now_ns;
	return most;
}

uint64_t commit_bytes_allowed(struct daemon *daemon,
			      struct publisher *publisher, uint64_t size)
{
	return allowed(daemon, publisher, CONFIG_RATE_INGEST, size);
}

uint64_t commit_records_allowed(struct daemon *daemon,
				struct publisher *publisher)
{
	return allowed(daemon, publisher, CONFIG_RATE_RECORDS, UINT64_MAX);
}

/* ---- The tail ---------------------------------------------------------- */

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

void commit_flush(struct daemon *daemon, struct bc_record_place to)
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

/* ---- Publishers -------------------------------------------------------- */

void commit_acknowledge(struct daemon *daemon, struct publisher *publisher)
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

void commit_refuse(struct daemon *daemon, struct publisher *publisher,
		   int error)
{
	struct lane *home = &daemon->home;
	struct bc_conn *conn = publisher->conn;

	commit_acknowledge(daemon, publisher);
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
