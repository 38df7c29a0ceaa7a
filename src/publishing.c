/* SPDX-License-Identifier: MIT */
/* publishing.c - see publishing.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/peers.h"
#include "shm/publisher_table.h"
#include "shm/record_index.h"
#include "src/follow.h"
#include "src/gating.h"
#include "src/greeting.h"
#include "src/ingest.h"
#include "src/log.h"
#include "src/nodes.h"
#include "src/publish_copy.h"
#include "src/publish_direct.h"
#include "src/publishing.h"
#include "src/receivers.h"
#include "src/request.h"
#include "src/session.h"

#define RETRY_MS 1000u

static struct bc_lease_shm *lease_of(const struct daemon *daemon)
{
	return &daemon->segment.control->lease;
}

bool publishing_is_live(const struct publisher *publisher)
{
	return publisher->index != PUBLISHER_GONE &&
	       publisher->conn->state == BC_CONN_OPEN &&
	       publisher->conn->session->state == SESSION_SERVING;
}

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
		atomic_store_explicit(&lease_of(daemon)->room_wanted, wished,
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

uint64_t publishing_read_size(const struct daemon *daemon, uint64_t have)
{
	uint64_t most = daemon->limits.record_bytes - BC_RECORD_HEADER - have;

	return daemon->limits.read_bytes < most ? daemon->limits.read_bytes
						: most;
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
	if (to.position - publishing->indexed >=
	    bc_record_index_step(ring->capacity)) {
		bc_record_index_add(&daemon->segment, to, bc_realtime_ns());
		publishing->indexed = to.position;
	}
	bc_record_publish(ring, to.position, to.sequence, daemon->home.now_ns);
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

/* ---- Coming ------------------------------------------------------------ */

static struct publisher *find(const struct daemon *daemon, uint64_t id)
{
	const struct publishing *publishing = &daemon->publishing;

	for (uint32_t i = 0; i < publishing->count; i++)
		if (publishing->all[i]->id == id)
			return publishing->all[i];
	return NULL;
}

static void reject_busy(struct daemon *daemon, struct bc_conn *conn,
			const char *kind, const char *who)
{
	char why[BC_HELLO_TEXT_MAX];

	(void)snprintf(why, sizeof(why), "%s publishes: %s", kind, who);
	session_reject(&daemon->home, conn, BCAST_REJECT_BUSY, why, RETRY_MS);
}

static void reject_for_local(struct daemon *daemon, struct bc_conn *conn)
{
	uint64_t holder = atomic_load_explicit(&lease_of(daemon)->holder,
					       memory_order_acquire);
	char who[BCAST_NODE_ID_MAX + 1];

	nodes_name(daemon,
		   (uint32_t)(holder >> BC_LEASE_SLOT_SHIFT) & 0xffffffu, who,
		   sizeof(who));
	reject_busy(daemon, conn, "a local process", who);
}

/* The lease is ours: go on behind whoever had it, and by tail. */
static int take_stock(struct daemon *daemon)
{
	struct bc_ring *ring = &daemon->segment.ring;
	struct bc_record_place place;
	int ret = bc_record_takeover(ring, &place);

	if (ret < 0)
		return ret;
	atomic_store_explicit(&lease_of(daemon)->room_wanted, 0,
			      memory_order_relaxed);
	bc_record_set_rule(ring, BC_RULE_TAIL);
	follow_stream(daemon);
	daemon->publishing.indexed = place.position;
	BC_ASSERT(daemon_tail(daemon) == place.position);
	BC_ASSERT(daemon->local.sequence == place.sequence);
	return 0;
}

static bool take_lease(struct daemon *daemon, struct bc_conn *conn)
{
	const struct bc_owner_shm *owner = &daemon->segment.control->owner;
	uint64_t word = bc_lease_word(
		BC_LEASE_DAEMON, bc_conn_slot(&daemon->home.conns, conn),
		atomic_load_explicit(&owner->incarnation,
				     memory_order_relaxed));

	if (daemon->ingest.has_lease)
		return true;
	if (bc_lease_take(&daemon->segment, word) != 1) {
		reject_for_local(daemon, conn);
		return false;
	}
	if (take_stock(daemon) < 0) {
		bc_lease_give(&daemon->segment);
		log_event(LOG_LEVEL_ERROR, "segment_damaged",
			  "name=%s error=\"its positions cannot be\" "
			  "fix=\"restart the daemon\"",
			  daemon->config.name);
		session_reject(&daemon->home, conn, BCAST_REJECT_LIMIT,
			       "the stream is damaged", RETRY_MS);
		return false;
	}
	daemon->ingest.has_lease = true;
	return true;
}

static void remember(struct daemon *daemon, struct publisher *publisher)
{
	struct publishing *publishing = &daemon->publishing;

	publisher->index = publishing->count;
	publishing->all[publishing->count++] = publisher;
	publishing->in_use[publisher->slot / 64] |= UINT64_C(1)
						    << (publisher->slot % 64);
	if (publisher->direct)
		publishing->direct = publisher;
	bc_counter_set(daemon->counters, BC_COUNTER_publishers,
		       publishing->count);
	bc_counter_add(daemon->counters, BC_COUNTER_publishers_joined, 1);
	log_event(LOG_LEVEL_INFO, "publisher_joined",
		  "peer=%s position=%llu source=%u", publisher->conn->peer,
		  (unsigned long long)daemon_tail(daemon),
		  publisher->rules.source);
}

static struct publisher *make(struct daemon *daemon, struct bc_conn *conn,
			      const struct bcast_hello *hello, uint32_t slot)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));

	if (!publisher)
		return NULL;
	publisher->conn = conn;
	publisher->id = hello->publisher_id;
	publisher->slot = slot;
	publisher->rules = (struct publish_rules){
		.limits.data_max =
			(uint32_t)(bc_record_max(daemon->limits.capacity) -
				   BC_RECORD_HEADER),
		.checksums = ((hello->needs | hello->wants) &
			      BCAST_FEATURE_CHECKSUM) != 0,
		.source = bc_publisher_table_source(slot),
	};
	publisher->accepted =
		bc_publisher_table_accepted(&daemon->segment, slot);
	publisher->taken = publisher->accepted;
	publisher->acked = publisher->accepted;
	publisher->direct =
		daemon->config.publishers == CONFIG_PUBLISHERS_ONE &&
		hello->roles == BCAST_CLIENT_PUBLISH;
	if (!publisher->direct && publish_copy_open(daemon, publisher) < 0) {
		publishing_free(publisher);
		return NULL;
	}
	return publisher;
}

/* With the lease: under which number? */
static struct publisher *enrol(struct daemon *daemon, struct bc_conn *conn,
			       const struct bcast_hello *hello)
{
	int slot =
		bc_publisher_table_find(&daemon->segment, hello->publisher_id,
					daemon->publishing.in_use);
	struct publisher *publisher = NULL;

	if (slot >= 0)
		publisher = make(daemon, conn, hello, (uint32_t)slot);
	if (!publisher)
		session_reject(&daemon->home, conn, BCAST_REJECT_LIMIT,
			       slot < 0 ? "as many publish as there can be"
					: "the daemon is out of memory",
			       RETRY_MS);
	return publisher;
}

static void drop(struct daemon *daemon, struct publisher *publisher);

/* Is there room for it beside those who are there? */
static bool has_place(struct daemon *daemon, struct bc_conn *conn, uint64_t id)
{
	struct publishing *publishing = &daemon->publishing;
	struct publisher *same = find(daemon, id);

	if (same) {
		session_reject(&daemon->home, same->conn, BCAST_REJECT_REPLACED,
			       "the same publisher_id has come again", 0);
		drop(daemon, same);
	}
	if (daemon->config.publishers == CONFIG_PUBLISHERS_ONE &&
	    publishing->count > 0) {
		reject_busy(daemon, conn, "another client",
			    publishing->all[0]->conn->peer);
		return false;
	}
	if (publishing->receiving) {
		/* the last one's receive still writes there */
		conn->session->waits = true;
		publishing->waited_for = true;
		return false;
	}
	return true;
}

bool publishing_admit(struct daemon *daemon, struct bc_conn *conn,
		      const struct bc_hello *hello,
		      struct bcast_welcome *welcome)
{
	struct publisher *publisher;

	if ((hello->fixed.roles & BCAST_CLIENT_PUBLISH) == 0)
		return true;
	if (!has_place(daemon, conn, hello->fixed.publisher_id) ||
	    !take_lease(daemon, conn))
		return false;
	publisher = enrol(daemon, conn, &hello->fixed);
	if (!publisher)
		return false;
	conn->session->publisher = publisher;
	remember(daemon, publisher);
	welcome->accepted = publisher->accepted;
	welcome->source = publisher->rules.source;
	if (publisher->rules.checksums)
		welcome->granted |= BCAST_FEATURE_CHECKSUM;
	return true;
}

/* ---- Going ------------------------------------------------------------- */

void publishing_free(struct publisher *publisher)
{
	if (!publisher)
		return;
	free(publisher->buffer);
	free(publisher);
}

static const char *reason_of(const struct publisher *publisher)
{
	const struct bc_conn *conn = publisher->conn;

	if (conn->state != BC_CONN_OPEN)
		return bcast_close_reason_name(conn->close_reason);
	return bcast_close_reason_name(conn->session->leave_reason);
}

static void forget(struct daemon *daemon, struct publisher *publisher)
{
	struct publishing *publishing = &daemon->publishing;
	struct publisher *last = publishing->all[publishing->count - 1];

	publishing->all[publisher->index] = last;
	last->index = publisher->index;
	publishing->count--;
	publisher->index = PUBLISHER_GONE;
	publishing->in_use[publisher->slot / 64] &=
		~(UINT64_C(1) << (publisher->slot % 64));
	if (publishing->count > 0)
		return;
	publishing->more = false;
	publishing->held = false;
	daemon->ingest.need_bytes = 0;
	wish_for_room(daemon, false);
	gating_pass(daemon);
}

/* What it has in the ring and is good is published; the rest is gone. */
static void drop(struct daemon *daemon, struct publisher *publisher)
{
	struct publishing *publishing = &daemon->publishing;
	struct bc_conn *conn = publisher->conn;

	if (publisher == publishing->direct) {
		if (publish_direct_publish(daemon))
			receivers_published(daemon);
		publishing->direct = NULL;
		publishing->have = 0;
	}
	forget(daemon, publisher);
	request_cancel(&daemon->home, conn, BC_CONN_RECV | BC_CONN_PUBLISH);
	bc_counter_set(daemon->counters, BC_COUNTER_publishers,
		       publishing->count);
	bc_counter_add(daemon->counters, BC_COUNTER_publishers_left, 1);
	log_event(LOG_LEVEL_INFO, "publisher_left",
		  "peer=%s position=%llu reason=%s", conn->peer,
		  (unsigned long long)daemon_tail(daemon),
		  reason_of(publisher));
}

void publishing_left(struct daemon *daemon, struct bc_conn *conn)
{
	if (conn->session->publisher->index != PUBLISHER_GONE)
		drop(daemon, conn->session->publisher);
}

/* It sends no more. What it has not been told yet, it is told now. */
static void finish(struct daemon *daemon, struct publisher *publisher)
{
	publishing_acknowledge(daemon, publisher);
	session_leave(&daemon->home, publisher->conn, BCAST_CLOSE_PEER);
}

/* ---- Events and the turn of the loop ----------------------------------- */

static void count_received(struct daemon *daemon, struct bc_conn *conn,
			   uint64_t bytes)
{
	conn->session->heard_ns = daemon->home.now_ns;
	bc_counter_add(daemon->counters, BC_COUNTER_receives, 1);
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
	if (!publishing_is_live(publisher))
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
		if (!publishing_is_live(publishing->all[i - 1]))
			drop(daemon, publishing->all[i - 1]);
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
	if (publishing->direct)
		moved = publish_direct_publish(daemon);
	else
		moved = publish_copy_turn(daemon);
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
