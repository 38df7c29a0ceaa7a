/* SPDX-License-Identifier: MIT */
/*
 * client_send.c - message.h, messages between nodes: sending.
 *
 * bcast_send -> find (id to slot) -> deliver -> bc_inbox_put. In the usual case
 * that makes no system call: the slot of an id is remembered together with the
 * claim that it had, which changes when the node goes; and whether that node
 * lives is asked of the kernel when that was not done for 10 ms. Asking each
 * time would cost as much as all the rest, and would still not say whether the
 * addressee lives long enough to read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bcast/bcast.h>

#include "shm/client_node.h"
#include "shm/clock.h"
#include "shm/inbox_hold.h"
#include "shm/inbox_pages.h"
#include "shm/name.h"
#include "shm/node_info.h"
#include "shm/node_lock.h"
#include "shm/text.h"

#define ASK_AGAIN_NS	((uint64_t)(10 * BC_NS_PER_MS))
#define SLICE_NS	((uint64_t)(100 * BC_NS_PER_MS))
#define PATIENCE_MIN_MS 20
#define PATIENCE_MAX_MS 1000
#define NOW_TRIES	16 /* of some us each */

int bc_client_send_init(struct bcast_node *node, const char *node_id)
{
	struct bc_outgoing *out = &node->out;
	uint32_t count = node->table.geometry.node_count;

	out->boxes = calloc(count, sizeof(*out->boxes));
	out->pending = calloc(count, sizeof(*out->pending));
	bc_text_set(out->letter.id, sizeof(out->letter.id), node_id);
	out->letter.header.from_slot = node->node.index;
	return out->boxes && out->pending ? 0 : -ENOMEM;
}

void bc_client_send_fini(struct bcast_node *node)
{
	struct bc_outgoing *out = &node->out;

	bc_client_boxes_free(out->boxes, node->table.geometry.node_count);
	free(out->pending);
}

void bc_client_boxes_free(struct bc_peer_box *boxes, uint32_t count)
{
	if (boxes)
		for (uint32_t i = 0; i < count; i++)
			bc_inbox_unmap(&boxes[i].inbox);
	free(boxes);
}

void bc_client_send_share(struct bcast_node *node, struct bc_peer_box *boxes)
{
	/* if it has some, they are its own: this is called once with each */
	if (boxes)
		bc_client_boxes_free(node->out.boxes,
				     node->table.geometry.node_count);
	node->out.boxes = boxes;
}

/* ---- Whom -------------------------------------------------------------- */

static const bc_u64 *claim_word(const struct bcast_node *node, uint32_t slot)
{
	return &bc_node_table_slot(&node->table, slot)->claim;
}

static uint64_t claim_of(const struct bcast_node *node, uint32_t slot)
{
	/* pairs with the release store in bc_node_join() */
	return atomic_load_explicit(claim_word(node, slot),
				    memory_order_acquire);
}

/* 1 if the tenant of that claim lives, 0, or what is wrong with all. */
static int ask(struct bcast_node *node, uint32_t slot, uint64_t claim)
{
	struct bc_peer_box *box = &node->out.boxes[slot];
	int ret = bc_node_table_is_current(&node->table);

	if (ret < 0)
		return ret;
	/* our own lock does not show to ourselves */
	if (slot != node->node.index)
		ret = bc_node_table_is_alive(&node->table, slot);
	else
		ret = 1;
	if (ret <= 0)
		return ret;
	/* the life may be an heir's */
	if (claim_of(node, slot) != claim)
		return 0;
	box->claim = claim;
	box->asked_ns = bc_clock_ns(CLOCK_MONOTONIC_COARSE);
	return 1;
}

/* The same, from memory if that is fresh. */
static int is_alive(struct bcast_node *node, uint32_t slot, uint64_t claim)
{
	const struct bc_peer_box *box = &node->out.boxes[slot];

	if (box->claim == claim &&
	    bc_clock_ns(CLOCK_MONOTONIC_COARSE) - box->asked_ns < ASK_AGAIN_NS)
		return 1;
	return ask(node, slot, claim);
}

static bool is_joined(uint64_t claim)
{
	return bc_node_claim_state(claim) == BC_NODE_JOINED;
}

/* 1 with *found, 0 if no living node has the id, or an error. */
static int search(struct bcast_node *node, const char *id,
		  struct bc_address *found)
{
	for (uint32_t i = 0; i < node->table.geometry.node_count; i++) {
		uint64_t claim = claim_of(node, i);
		int ret;

		if (!is_joined(claim) ||
		    !bc_node_info_id_is(&node->table, i, id))
			continue;
		ret = ask(node, i, claim);
		if (ret < 0)
			return ret;
		if (ret == 0)
			continue;
		found->slot = i;
		found->claim = claim;
		bc_text_set(found->id, sizeof(found->id), id);
		return 1;
	}
	return bc_node_table_is_current(&node->table);
}

static uint32_t place_of(const char *id)
{
	return (uint32_t)(bc_node_lock_id(id) % BC_ADDRESSES);
}

uint32_t bc_client_slot_of(const struct bcast_node *node, const char *id)
{
	const struct bc_address *known = &node->out.addresses[place_of(id)];

	return strcmp(known->id, id) == 0 ? known->slot : UINT32_MAX;
}

static int find(struct bcast_node *node, const char *id,
		const struct bc_address **found)
{
	struct bc_address *known = &node->out.addresses[place_of(id)];
	int ret = 0;

	if (strcmp(known->id, id) == 0 &&
	    claim_of(node, known->slot) == known->claim)
		ret = is_alive(node, known->slot, known->claim);
	if (ret == 0)
		ret = search(node, id, known);
	if (ret <= 0) {
		known->id[0] = '\0';
		return ret < 0 ? ret : -ENOENT;
	}
	*found = known;
	return 0;
}

static int open_box(struct bcast_node *node, uint32_t slot)
{
	struct bc_inbox *inbox = &node->out.boxes[slot].inbox;

	return inbox->shm ? 0 : bc_inbox_map(inbox, &node->table, slot);
}

/* ---- Deliver ----------------------------------------------------------- */

static uint64_t deadline_of(int timeout_ms)
{
	if (timeout_ms < 0)
		return UINT64_MAX;
	if (timeout_ms == 0)
		return 0; /* over */
	return bc_monotonic_ns() +
	       (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS;
}

static uint64_t patience_of(int timeout_ms)
{
	if (timeout_ms < 0 || timeout_ms > PATIENCE_MAX_MS)
		timeout_ms = PATIENCE_MAX_MS;
	if (timeout_ms < PATIENCE_MIN_MS)
		timeout_ms = PATIENCE_MIN_MS;
	return (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS;
}

static void name_holder(struct bcast_node *node, uint64_t word)
{
	struct bcast_holder *holder = &node->out.holder;
	struct bcast_node_info info;
	uint32_t slot = bc_inbox_word_slot(word);

	*holder = (struct bcast_holder){0};
	if (slot >= node->table.geometry.node_count ||
	    bc_node_info_read(&node->table, slot, false, &info) != 1)
		return;
	memcpy(holder->id, info.id, sizeof(holder->id));
	holder->pid = info.pid;
	holder->state = info.state;
}

static void count_delivery(struct bcast_node *node)
{
	node->out.delivered++;
	atomic_store_explicit(&node->node.slot->messages_sent,
			      node->out.delivered, memory_order_relaxed);
}

static struct bc_inbox_addressee addressee(struct bcast_node *node,
					   uint32_t slot, uint64_t claim)
{
	return (struct bc_inbox_addressee){
		.claim_word = claim_word(node, slot),
		.claim = claim,
		.known_head = &node->out.boxes[slot].known_head,
	};
}

/* With no patience it is tried some times, without a sleep in between. */
static int try_put(struct bcast_node *node, uint32_t slot, uint64_t claim,
		   uint64_t patience_ns, uint64_t *holder)
{
	const struct bc_inbox_addressee to = addressee(node, slot, claim);
	unsigned tries = patience_ns == 0 ? NOW_TRIES : 1;
	int ret = -EBUSY;

	while (tries-- > 0 && ret == -EBUSY)
		ret = bc_inbox_put(&node->out.boxes[slot].inbox, &node->node,
				   &to, &node->out.letter, patience_ns, holder);
	return ret;
}

/* Put the letter in, now. */
static int put(struct bcast_node *node, uint32_t slot, uint64_t claim,
	       uint64_t patience_ns)
{
	uint64_t holder = 0;
	int ret = open_box(node, slot);

	if (ret < 0)
		return ret;
	ret = try_put(node, slot, claim, patience_ns, &holder);
	if (ret == -EBUSY)
		name_holder(node, holder);
	if (ret == 0)
		count_delivery(node);
	return ret;
}

/* It was full: sleep a while, and see whether waiting makes sense. */
static int await_room(struct bcast_node *node, uint32_t slot, uint64_t claim,
		      uint64_t deadline_ns)
{
	const struct bc_inbox_addressee to = addressee(node, slot, claim);
	const struct bc_inbox *inbox = &node->out.boxes[slot].inbox;
	uint64_t now_ns = deadline_ns == 0 ? 0 : bc_monotonic_ns();
	uint64_t sleep_ns = SLICE_NS;
	int ret;

	if (now_ns >= deadline_ns) {
		bc_inbox_give_up(inbox);
		return BCAST_EFULL;
	}
	if (sleep_ns > deadline_ns - now_ns)
		sleep_ns = deadline_ns - now_ns;
	bc_inbox_await_room(inbox, &to, &node->out.letter, sleep_ns);
	bc_node_beat(&node->node);
	ret = is_alive(node, slot, claim);
	return ret == 0 ? -ENOENT : ret;
}

static int deliver(struct bcast_node *node, uint32_t slot, uint64_t claim,
		   uint64_t deadline_ns, uint64_t patience_ns)
{
	for (;;) {
		int ret = put(node, slot, claim, patience_ns);

		if (ret != BCAST_EFULL)
			return ret;
		ret = await_room(node, slot, claim, deadline_ns);
		if (ret < 0)
			return ret;
	}
}

/* ---- The API ----------------------------------------------------------- */

/* What both ways of sending ask first; then the letter is ready. */
static int prepare(struct bcast_node *node, uint16_t type, const void *data,
		   size_t size)
{
	struct bc_message_shm *header = &node->out.letter.header;

	if (!bc_node_is_ours(&node->node))
		return -ECHILD;
	if (size > bcast_message_limit(node))
		return -EMSGSIZE;
	if (!data && size > 0)
		return -EINVAL;
	/* with another claim there, others would take us for dead */
	if (claim_of(node, node->node.index) != node->node.claim)
		return BCAST_EPROTO;
	bc_node_beat(&node->node);
	header->type = type;
	header->sequence++;
	header->sent_ns = bc_monotonic_ns();
	bc_inbox_seal(&node->out.letter, data, size);
	return 0;
}

/* When to give up. */
struct limits {
	uint64_t deadline_ns; /* 0: over */
	uint64_t patience_ns;
};

static struct limits limits_of(int timeout_ms)
{
	return (struct limits){deadline_of(timeout_ms),
			       patience_of(timeout_ms)};
}

static const struct limits at_once = {0, 0};

/* The letter is ready. */
static int send_to(struct bcast_node *node, const char *to_id,
		   struct limits limits)
{
	const struct bc_address *to;
	int ret = find(node, to_id, &to);

	if (ret < 0)
		return ret;
	return deliver(node, to->slot, to->claim, limits.deadline_ns,
		       limits.patience_ns);
}

int bcast_send(struct bcast_node *node, const char *to_id, uint16_t type,
	       const void *data, size_t size, int timeout_ms)
{
	int ret;

	if (!bc_name_id_valid(to_id))
		return BCAST_ENAME;
	ret = prepare(node, type, data, size);
	return ret < 0 ? ret : send_to(node, to_id, limits_of(timeout_ms));
}

int bc_client_send_now(struct bcast_node *node, const char *to_id,
		       uint16_t type, const void *data, size_t size)
{
	int ret;

	if (!bc_name_id_valid(to_id))
		return BCAST_ENAME;
	ret = prepare(node, type, data, size);
	return ret < 0 ? ret : send_to(node, to_id, at_once);
}

/* Count what came of one; < 0 if it is about all. */
static int tally(struct bcast_delivery *delivery, int ret)
{
	if (ret == 0)
		delivery->reached++;
	else if (ret == BCAST_EFULL)
		delivery->full++;
	else if (ret == -EBUSY)
		delivery->held++;
	else if (ret == BCAST_EPROTO)
		delivery->damaged++;
	else if (ret != -ENOENT)
		return ret;
	return 0;
}

/* To all who have room; the others become pending. */
static int first_round(struct bcast_node *node, uint64_t patience_ns,
		       struct bcast_delivery *delivery)
{
	for (uint32_t i = 0; i < node->table.geometry.node_count; i++) {
		uint64_t claim = claim_of(node, i);
		int ret;

		node->out.pending[i] = 0;
		if (i == node->node.index || !is_joined(claim))
			continue;
		ret = is_alive(node, i, claim);
		if (ret == 1)
			ret = put(node, i, claim, patience_ns);
		else if (ret == 0)
			continue;
		if (ret == BCAST_EFULL) {
			node->out.pending[i] = claim;
			continue;
		}
		ret = tally(delivery, ret);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int second_round(struct bcast_node *node, uint64_t patience_ns,
			uint64_t deadline_ns, struct bcast_delivery *delivery)
{
	for (uint32_t i = 0; i < node->table.geometry.node_count; i++) {
		uint64_t claim = node->out.pending[i];
		int ret;

		if (claim == 0)
			continue;
		ret = deliver(node, i, claim, deadline_ns, patience_ns);
		ret = tally(delivery, ret);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The letter is ready. */
static int send_to_all(struct bcast_node *node, struct limits limits,
		       struct bcast_delivery *delivery)
{
	struct bcast_delivery counts = {0};
	int ret = bc_node_table_is_current(&node->table);

	if (ret < 0)
		return ret;
	ret = first_round(node, limits.patience_ns, &counts);
	if (ret == 0)
		ret = second_round(node, limits.patience_ns, limits.deadline_ns,
				   &counts);
	if (delivery)
		*delivery = counts;
	return ret < 0 ? ret : (int)counts.reached;
}

int bcast_broadcast(struct bcast_node *node, uint16_t type, const void *data,
		    size_t size, int timeout_ms,
		    struct bcast_delivery *delivery)
{
	/* the deadline counts from here, also for the first round */
	const struct limits limits = limits_of(timeout_ms);
	int ret = prepare(node, type, data, size);

	return ret < 0 ? ret : send_to_all(node, limits, delivery);
}

int bc_client_broadcast_now(struct bcast_node *node, uint16_t type,
			    const void *data, size_t size)
{
	int ret = prepare(node, type, data, size);

	return ret < 0 ? ret : send_to_all(node, at_once, NULL);
}

struct bcast_holder bcast_holder(const struct bcast_node *node)
{
	return node->out.holder;
}

size_t bcast_message_limit(const struct bcast_node *node)
{
	return (size_t)bc_inbox_limit(node->node.inbox.inbox.capacity);
}
