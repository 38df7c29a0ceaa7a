/* SPDX-License-Identifier: MIT */
/* publishers.c - see publishers.h. */
#include <stdio.h>
#include <stdlib.h>

#include <bcast/monitor.h>

#include "shm/lease.h"
#include "shm/publisher_table.h"
#include "shm/record.h"
#include "src/commit.h"
#include "src/follow.h"
#include "src/log.h"
#include "src/nodes.h"
#include "src/publish_copy.h"
#include "src/publish_direct.h"
#include "src/publisher.h"
#include "src/publishers.h"
#include "src/receivers.h"
#include "src/request.h"
#include "src/session.h"
#include "src/session_tell.h"

#define RETRY_MS 1000u

static struct bc_lease_shm *lease_of(const struct daemon *daemon)
{
	return &daemon->segment.control->lease;
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

void publishers_set_rules(const struct daemon *daemon,
			  struct publisher *publisher, bool checksums)
{
	publisher->rules = (struct publish_rules){
		.limits.data_max =
			(uint32_t)(bc_record_max(daemon->limits.capacity) -
				   BC_RECORD_HEADER),
		/* what is no node has nothing larger to say */
		.limits.message_max = BCAST_CONTROL_MAX,
		.checksums = checksums,
		.source = bc_publisher_table_source(publisher->slot),
	};
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
	publishers_set_rules(
		daemon, publisher,
		((hello->needs | hello->wants) & BCAST_FEATURE_CHECKSUM) != 0);
	publisher->accepted =
		bc_publisher_table_accepted(&daemon->segment, slot);
	publisher->taken = publisher->accepted;
	publisher->acked = publisher->accepted;
	publisher->direct =
		daemon->config.publishers == CONFIG_PUBLISHERS_ONE &&
		hello->roles == BCAST_CLIENT_PUBLISH;
	if (!publisher->direct && publish_copy_open(daemon, publisher) < 0) {
		publisher_free(publisher);
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

/* Is there room for it beside those who are there? */
static bool has_place(struct daemon *daemon, struct bc_conn *conn, uint64_t id)
{
	struct publishing *publishing = &daemon->publishing;
	struct publisher *same = find(daemon, id);

	if (same) {
		session_reject(&daemon->home, same->conn, BCAST_REJECT_REPLACED,
			       "the same publisher_id has come again", 0);
		publishers_drop(daemon, same);
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

bool publishers_admit(struct daemon *daemon, struct bc_conn *conn,
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
	if (publishing->count == 0)
		commit_rest(daemon);
}

/* What it has in the ring and is good is published; the rest is gone. */
void publishers_drop(struct daemon *daemon, struct publisher *publisher)
{
	struct publishing *publishing = &daemon->publishing;
	struct bc_conn *conn = publisher->conn;

	if (publisher == publishing->direct) {
		if (publish_direct_publish(daemon))
			receivers_published(daemon);
		publishing->direct = NULL;
		publishing->have = 0;
		publishing->unread = false;
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

void publishers_left(struct daemon *daemon, struct bc_conn *conn)
{
	struct publisher *publisher = conn->session->publisher;

	if (publisher && publisher->index != PUBLISHER_GONE)
		publishers_drop(daemon, publisher);
}
