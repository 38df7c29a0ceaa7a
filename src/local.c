/* SPDX-License-Identifier: MIT */
/* local.c - see local.h. */
#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/notify.h"
#include "shm/record.h"
#include "shm/sleepers.h"
#include "src/follow.h"
#include "src/ingest.h"
#include "src/local.h"
#include "src/log.h"
#include "src/nodes.h"
#include "src/receivers.h"

#define UNWOKEN_SLICE_NS BC_NS_PER_MS

static struct bc_lease_shm *lease_of(const struct daemon *daemon)
{
	return &daemon->segment.control->lease;
}

/* ---- Pace -------------------------------------------------------------- */

static void set_limit(struct daemon *daemon, uint64_t limit)
{
	struct bc_lease_shm *lease = lease_of(daemon);
	bool grown = limit > daemon->local.limit;

	if (limit == daemon->local.limit)
		return;
	daemon->local.limit = limit;
	/* the sends that needed those bytes have ended before this */
	atomic_store_explicit(&lease->limit, limit, memory_order_release);
	/* pairs with those in writer.c: reserve(), sleep_for_daemon() */
	atomic_thread_fence(memory_order_seq_cst);
	if (!grown || !bc_lease_wants_room(&daemon->segment))
		return;
	atomic_fetch_add_explicit(&lease->room, 1, memory_order_release);
	(void)bc_notify_wake(&lease->room);
}

/*
 * Who begins at `position` is not to be overtaken, nor to look slow because a
 * publisher has run on to the last byte of the ring before the turn is over.
 */
static void make_way(struct daemon *daemon, uint64_t position)
{
	const struct backpressure_positions at = {
		.tail = position,
		.floor = position,
		.leader = position,
		.gate = position,
	};
	uint64_t most = backpressure_limit(&daemon->limits, &at, false);

	if (most < daemon->local.limit)
		set_limit(daemon, most);
}

void local_admit(struct daemon *daemon)
{
	make_way(daemon, daemon->home.tail);
	follow_stream(daemon);
}

bool local_protect(struct daemon *daemon, uint64_t position)
{
	make_way(daemon, position);
	/* limit, then reserved; a publisher the other way round: layout.h */
	atomic_thread_fence(memory_order_seq_cst);
	return bc_ring_oldest(&daemon->segment.ring) <= position;
}

void local_pace(struct daemon *daemon)
{
	struct backpressure_positions at;

	/* one that has left: a publisher may have the lease any time now */
	if (daemon->ingest.has_lease && !ingest_is_over(daemon))
		return;
	if (!receivers_any(daemon)) {
		ingest_resume(daemon);
		set_limit(daemon, UINT64_MAX);
		return;
	}
	at = receivers_positions(daemon);
	if (bc_lease_wants_room(&daemon->segment))
		ingest_pause(daemon);
	else
		ingest_resume(daemon);
	set_limit(daemon, backpressure_limit(&daemon->limits, &at,
					     ingest_given_up(daemon)));
}

/* ---- Sleep and be woken ------------------------------------------------ */

static void set_sleeps(struct daemon *daemon, uint32_t sleeps)
{
	bc_u32 *word = &lease_of(daemon)->daemon_sleeps;

	if (atomic_load_explicit(word, memory_order_relaxed) != sleeps)
		atomic_store_explicit(word, sleeps, memory_order_seq_cst);
}

/* While somebody has nothing to send, a publication is news. */
static bool wants_news(const struct daemon *daemon)
{
	return !daemon->ingest.has_lease && daemon->phase == DAEMON_RUNNING &&
	       receivers_want_news(daemon);
}

/*
 * A wish for room that local_pace() has not seen: it would be met with the next
 * tick only, since the publisher wakes us once.
 */
static bool is_new_wish(const struct daemon *daemon)
{
	return bc_lease_wants_room(&daemon->segment) &&
	       daemon->ingest.paused_since_ns == 0;
}

static void arm(struct daemon *daemon, uint32_t seen)
{
	if (daemon->local.armed)
		return;
	if (bc_backend_wait_word(daemon->backend,
				 &daemon->segment.ring.head->publish_count,
				 seen, bc_token_pack(BC_OP_LOCAL, 0, 0)) == 0)
		daemon->local.armed = true;
}

static int64_t min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * All receivers are stalled, and it goes on without them: no event of theirs
 * will wake us when it has come to its limit.
 */
static bool runs_unheard(struct daemon *daemon)
{
	bool moves = daemon->home.tail != daemon->local.slept_at;

	daemon->local.slept_at = daemon->home.tail;
	return moves && daemon->ingest.given_up &&
	       bc_lease_is_local(&daemon->segment);
}

int64_t local_sleep(struct daemon *daemon, int64_t timeout_ns)
{
	const bc_u32 *count = &daemon->segment.ring.head->publish_count;
	bool unheard = runs_unheard(daemon);
	bool sure = true;
	uint32_t seen;

	if (timeout_ns == 0 || !wants_news(daemon))
		return unheard ? min_i64(timeout_ns, UNWOKEN_SLICE_NS)
			       : timeout_ns;
	/* before the last look: see notify.h */
	seen = atomic_load_explicit(count, memory_order_acquire);
	/* who takes the lease from now on moves the count */
	if (bc_lease_is_local(&daemon->segment)) {
		set_sleeps(daemon, 1);
		sure = bc_sleepers_heavy_fence();
	}
	if (follow_has_news(daemon) || is_new_wish(daemon))
		return 0;
	arm(daemon, seen);
	return sure && daemon->local.armed
		       ? timeout_ns
		       : min_i64(timeout_ns, UNWOKEN_SLICE_NS);
}

void local_awake(struct daemon *daemon)
{
	set_sleeps(daemon, 0);
}

void local_on_event(struct daemon *daemon)
{
	daemon->local.armed = false;
}

void local_drain(struct daemon *daemon)
{
	if (daemon->local.armed)
		(void)bc_backend_cancel(daemon->backend,
					bc_token_pack(BC_OP_LOCAL, 0, 0));
}

/* ---- Who publishes ----------------------------------------------------- */

/*
 * Its holder is dead: take the lease for a moment, in order to find out what it
 * had published, and have everybody woken who waits for that.
 */
static void bury(struct daemon *daemon)
{
	struct bc_record_place place;

	if (bc_lease_take(&daemon->segment, 0) != 1)
		return;
	if (daemon->config.format == CONFIG_FORMAT_PACKET &&
	    bc_record_takeover(&daemon->segment.ring, &place) < 0)
		log_event(LOG_LEVEL_ERROR, "segment_damaged",
			  "name=%s error=\"its positions cannot be\" "
			  "fix=\"restart the daemon\"",
			  daemon->config.name);
	/* it may have died waiting for room */
	atomic_store_explicit(&lease_of(daemon)->room_wanted, 0,
			      memory_order_relaxed);
	bc_lease_give(&daemon->segment);
}

static void note_gone(struct daemon *daemon, bool died)
{
	char quoted[4 * BCAST_NODE_ID_MAX + 3];

	bc_counter_add(daemon->counters, BC_COUNTER_publishers_left, 1);
	log_event(LOG_LEVEL_INFO, "publisher_left",
		  "node=%s position=%llu reason=%s",
		  log_quote(daemon->local.who, quoted, sizeof(quoted)),
		  (unsigned long long)daemon->home.tail,
		  died ? "died" : "left");
}

static void note_come(struct daemon *daemon, uint64_t holder)
{
	struct local *local = &daemon->local;
	char quoted[4 * BCAST_NODE_ID_MAX + 3];

	nodes_name(daemon,
		   (uint32_t)(holder >> BC_LEASE_SLOT_SHIFT) & 0xffffffu,
		   local->who, sizeof(local->who));
	bc_counter_add(daemon->counters, BC_COUNTER_publishers_joined, 1);
	log_event(LOG_LEVEL_INFO, "publisher_joined", "node=%s position=%llu",
		  log_quote(local->who, quoted, sizeof(quoted)),
		  (unsigned long long)daemon->home.tail);
}

void local_tick(struct daemon *daemon)
{
	struct local *local = &daemon->local;
	uint64_t holder = atomic_load_explicit(&lease_of(daemon)->holder,
					       memory_order_acquire);
	bool died = false;

	if (holder >> 56 == BC_LEASE_NODE >> 56 &&
	    bc_lease_held(&daemon->segment) == 0) {
		bury(daemon);
		died = true;
		holder = 0;
	}
	if (holder >> 56 != BC_LEASE_NODE >> 56)
		holder = 0;
	if (holder == local->holder)
		return;
	if (local->holder != 0)
		note_gone(daemon, died);
	if (holder != 0)
		note_come(daemon, holder);
	local->holder = holder;
}

void local_start(struct daemon *daemon)
{
	daemon->home.tail = bc_ring_tail(&daemon->segment.ring);
	daemon->local.limit = UINT64_MAX;
	/* of a dead daemon's; a local publisher says it again and again */
	atomic_store_explicit(&lease_of(daemon)->room_wanted, 0,
			      memory_order_relaxed);
	local_tick(daemon);
	follow_stream(daemon);
}

void local_inherit(struct daemon *daemon, const struct local *known)
{
	daemon->local = *known;
	daemon->local.limit = atomic_load_explicit(&lease_of(daemon)->limit,
						   memory_order_relaxed);
}
