/* SPDX-License-Identifier: MIT */
/* writer.c - see writer.h. */
#include <errno.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/notify.h"
#include "shm/record_index.h"
#include "shm/writer.h"
#include "shm/pause.h"

#define FLUSH_BYTES_MAX (UINT64_C(256) << 10)
#define STEPS_PER_RING	64u
#define ROOM_SLICE_NS	(5 * BC_NS_PER_MS)
#define GATE_SLICE_NS	BC_NS_PER_MS /* the dead wake nobody */
#define SPINS_FOR_ROOM	200

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t get(const bc_u64 *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void wish_for_room(struct bc_segment *segment, bool wished)
{
	atomic_store_explicit(&segment->control->lease.room_wanted, wished,
			      memory_order_relaxed);
}

/*
 * A restarted daemon may have made another registry (`--nodes`); in ours, no
 * new gates show, and no new sleepers. It does so between its taking the
 * segment over and its going live. Asks the kernel only around that time.
 */
static bool registry_stands(struct bc_writer *writer)
{
	const struct bc_owner_shm *owner = &writer->segment.control->owner;
	uint32_t incarnation =
		atomic_load_explicit(&owner->incarnation, memory_order_acquire);
	uint32_t state;

	if (incarnation == writer->incarnation)
		return true;
	state = atomic_load_explicit(&owner->state, memory_order_acquire);
	if (bc_node_table_is_current(writer->node->table) < 0)
		return false;
	if (state == BC_STATE_LIVE)
		writer->incarnation = incarnation;
	return true;
}

/* May we go on? If not, no room is left for what might be smaller. */
static bool may_go_on(struct bc_writer *writer)
{
	if (bc_writer_is_open(writer) && registry_stands(writer))
		return true;
	writer->bound = writer->at.position;
	return false;
}

/* ---- Open and close ---------------------------------------------------- */

static uint64_t word_of(const struct bc_node *node)
{
	return bc_lease_word(BC_LEASE_NODE, node->index, (uint32_t)node->claim);
}

/* The lease is ours: where do we go on, and how do readers learn of it? */
static int take_stock(struct bc_writer *writer)
{
	struct bc_ring *ring = &writer->ring;
	int ret;

	writer->flush_bytes =
		min_u64(FLUSH_BYTES_MAX, ring->capacity / STEPS_PER_RING);
	writer->step = ring->capacity / STEPS_PER_RING;
	writer->size_max = bc_record_max(ring->capacity);
	/* what the last holder wished for is over, if it died in its wait */
	wish_for_room(&writer->segment, false);
	atomic_store_explicit(&writer->node->table->header->gate_wanted, 0,
			      memory_order_relaxed);
	/* a stamp of the last holder would be taken for ours */
	atomic_store_explicit(&ring->head->published_ns, 0,
			      memory_order_relaxed);
	if (writer->packets) {
		ret = bc_record_takeover(ring, &writer->at);
		if (ret < 0)
			return ret;
		bc_record_set_rule(ring, BC_RULE_HEADER);
	} else {
		writer->at.position = bc_ring_tail(ring);
	}
	writer->flushed = writer->at.position;
	writer->indexed = writer->at.position;
	writer->bound = writer->at.position;
	return 0;
}

int bc_writer_open(struct bc_writer *writer, const char *name,
		   const struct bc_node *node, int lease_wait_ms)
{
	struct bc_writer made = {
		.node = node,
		.light = bc_sleepers_register(),
		.room_wait_ms = -1,
	};
	const struct bc_identity_shm *identity;
	int ret = bc_segment_attach(&made.segment, name, BC_VIEW_WRITE);

	/* the node's stream is not there any more: it has ended */
	if (ret == -ENOENT)
		return BCAST_ECLOSED;
	if (ret < 0)
		return ret;
	made.ring = made.segment.ring;
	identity = &made.segment.control->identity;
	made.packets = identity->format == BCAST_FORMAT_PACKET;
	ret = BCAST_ECLOSED;
	if (identity->epoch == node->table->geometry.epoch && may_go_on(&made))
		ret = bc_lease_take_patiently(&made.segment, word_of(node),
					      lease_wait_ms);
	if (ret == 1)
		ret = take_stock(&made);
	else if (ret == 0)
		ret = -EBUSY;
	if (ret == 0)
		ret = bc_gates_open(&made.gates, node->table, &made.segment,
				    node->index);
	if (ret < 0) {
		/* the lease ends with the description */
		bc_segment_close(&made.segment);
		return ret;
	}
	*writer = made;
	return 0;
}

void bc_writer_close(struct bc_writer *writer)
{
	if (!writer->segment.control)
		return;
	bc_writer_flush(writer);
	bc_lease_give(&writer->segment);
	bc_writer_forget(writer);
}

void bc_writer_forget(struct bc_writer *writer)
{
	bc_gates_close(&writer->gates);
	bc_segment_close(&writer->segment);
}

/* ---- Room -------------------------------------------------------------- */

/* Up to where gating readers let us write. */
static uint64_t gates_allow(struct bc_writer *writer)
{
	const struct bc_ring *ring = &writer->ring;

	return bc_gates_floor(&writer->gates, writer->at.position,
			      get(&ring->head->reserved)) +
	       ring->capacity;
}

static uint64_t daemon_allows(const struct bc_writer *writer)
{
	return get(&writer->segment.control->lease.limit);
}

static uint64_t allowed(struct bc_writer *writer)
{
	return min_u64(gates_allow(writer), daemon_allows(writer));
}

/*
 * Announce that bytes up to `end` and a step more may be overwritten, then look
 * at the limits again: see struct bc_lease_shm. Returns how far we may write.
 */
static uint64_t reserve(struct bc_writer *writer, uint64_t end, uint64_t limit)
{
	bc_u64 *reserved = &writer->ring.head->reserved;
	uint64_t most = min_u64(limit, writer->flushed + writer->ring.capacity);
	uint64_t wanted = min_u64(end + writer->step, most);

	/* pairs with bc_ring_oldest(): who is lapped sees where to go on */
	if (wanted > get(reserved))
		atomic_store_explicit(reserved, wanted, memory_order_release);
	/* with the daemon's and gates'; and pairs with bc_ring_intact() */
	atomic_thread_fence(memory_order_seq_cst);
	return min_u64(wanted, allowed(writer));
}

static bool try_room(struct bc_writer *writer, uint64_t end)
{
	uint64_t limit = allowed(writer);

	if (end > limit)
		return false;
	writer->bound = reserve(writer, end, limit);
	return writer->bound >= end;
}

/*
 * A dead daemon sends nothing any more, so what it wanted is void. By swapping:
 * the next one, if it has come since we looked, wants something else.
 */
static void outlive_daemon(struct bc_writer *writer)
{
	bc_u64 *limit = &writer->segment.control->lease.limit;
	uint64_t seen = get(limit);

	if (bc_segment_owner_alive(&writer->segment) == 0)
		(void)atomic_compare_exchange_strong_explicit(
			limit, &seen, UINT64_MAX, memory_order_relaxed,
			memory_order_relaxed);
}

static void sleep_for_daemon(struct bc_writer *writer, uint64_t end,
			     uint64_t timeout_ns)
{
	struct bc_lease_shm *lease = &writer->segment.control->lease;
	uint32_t seen =
		atomic_load_explicit(&lease->room, memory_order_acquire);

	/* again: a new daemon may have cleared it */
	wish_for_room(&writer->segment, true);
	/* pairs with the one between limit and room_wanted in the daemon */
	atomic_thread_fence(memory_order_seq_cst);
	if (end > daemon_allows(writer))
		(void)bc_notify_wait(
			&lease->room, seen,
			(int64_t)min_u64(timeout_ns, ROOM_SLICE_NS));
}

/*
 * A reader that goes on looks at gate_wanted behind a light fence; the heavy
 * one stands for both. Where it cannot, the slices do.
 */
static void sleep_for_gates(struct bc_writer *writer, uint64_t end,
			    uint64_t timeout_ns)
{
	struct bc_registry_shm *registry = writer->node->table->header;
	uint32_t seen = atomic_load_explicit(&registry->gate_moved,
					     memory_order_acquire);

	atomic_store_explicit(&registry->gate_wanted, 1, memory_order_relaxed);
	(void)bc_sleepers_heavy_fence();
	if (end > gates_allow(writer))
		(void)bc_notify_wait(
			&registry->gate_moved, seen,
			(int64_t)min_u64(timeout_ns, GATE_SLICE_NS));
	atomic_store_explicit(&registry->gate_wanted, 0, memory_order_relaxed);
}

/* Gates in the way: some of them may be so no more. */
static bool press_gates(struct bc_writer *writer, uint64_t end, uint64_t now_ns)
{
	return bc_gates_press(&writer->gates, writer->at.position,
			      get(&writer->ring.head->reserved),
			      end - writer->ring.capacity, now_ns);
}

static int try_patiently(struct bc_writer *writer, uint64_t end,
			 uint64_t deadline_ns)
{
	for (;;) {
		uint64_t now_ns;
		bool gated;

		outlive_daemon(writer);
		if (!may_go_on(writer))
			return BCAST_ECLOSED;
		if (try_room(writer, end))
			return 0;
		now_ns = bc_monotonic_ns();
		gated = end > gates_allow(writer);
		if (gated && press_gates(writer, end, now_ns))
			continue;
		if (now_ns >= deadline_ns)
			return BCAST_EFULL;
		bc_node_beat(writer->node);
		if (gated)
			sleep_for_gates(writer, end, deadline_ns - now_ns);
		else
			sleep_for_daemon(writer, end, deadline_ns - now_ns);
	}
}

/*
 * The wish stands from before the wake until the end of the wait: whom we wake
 * must find it, and the time that we are held up is counted by it. Gates alone
 * are no business of the daemon.
 */
static int wait_for_room(struct bc_writer *writer, uint64_t end)
{
	uint64_t deadline_ns = UINT64_MAX;
	int ret;

	if (writer->room_wait_ms >= 0)
		deadline_ns =
			bc_monotonic_ns() +
			(uint64_t)writer->room_wait_ms * (uint64_t)BC_NS_PER_MS;
	wish_for_room(&writer->segment, end > daemon_allows(writer));
	/* who is to make room must see all that we have published */
	bc_writer_wake(writer);
	ret = try_patiently(writer, end, deadline_ns);
	wish_for_room(&writer->segment, false);
	bc_gates_passed(&writer->gates, bc_monotonic_ns());
	return ret;
}

int bc_writer_make_room(struct bc_writer *writer, uint64_t size)
{
	uint64_t end = writer->at.position + size + BC_RECORD_HEADER;

	/* reserved - tail <= capacity */
	bc_writer_flush(writer);
	if (!may_go_on(writer))
		return BCAST_ECLOSED;
	for (unsigned i = 0; i < SPINS_FOR_ROOM; i++) {
		if (try_room(writer, end))
			return 0;
		bc_pause();
	}
	return wait_for_room(writer, end);
}

/* ---- Flush and wake ---------------------------------------------------- */

static void flush_records(struct bc_writer *writer)
{
	struct bc_record_place at = writer->at;

	if (at.position - writer->indexed >=
	    bc_record_index_step(writer->ring.capacity)) {
		bc_record_index_add(&writer->segment, at, bc_realtime_ns());
		writer->indexed = at.position;
	}
	bc_record_flush(&writer->ring, at.position, at.sequence);
	writer->flushed = at.position;
}

void bc_writer_flush(struct bc_writer *writer)
{
	if (writer->at.position == writer->flushed)
		return;
	flush_records(writer);
	bc_node_beat(writer->node);
}

void bc_writer_wake(struct bc_writer *writer)
{
	struct bc_head_shm *head = writer->ring.head;

	bc_writer_flush(writer);
	atomic_store_explicit(&head->published_ns, bc_monotonic_ns(),
			      memory_order_relaxed);
	atomic_fetch_add_explicit(&head->publish_count, 1,
				  memory_order_release);
	(void)bc_notify_wake(&head->publish_count);
}
