/* SPDX-License-Identifier: MIT */
/*
 * client_message.c - message.h, messages between nodes: receiving.
 *
 * As a reader of the stream does: look, poll for a moment, sleep on the inbox's
 * count in slices, each of which gives a sign of life and sees whether the
 * registry is still there. Nothing that a sender fails to do, a wake-up say,
 * costs more than a slice.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/bcast.h>

#include "shm/client_node.h"
#include "shm/clock.h"
#include "shm/pause.h"

#define SPIN_NS	       ((uint64_t)50 * 1000) /* about a sleep and a wake-up */
#define SPINS_PER_LOOK 16
#define SLICE_NS       ((uint64_t)(100 * BC_NS_PER_MS))
#define BUFFER_ALIGN   64u

void bc_client_message_init(struct bcast_node *node)
{
	cpu_set_t usable;

	/* polling pays only while another core can run the sender */
	if (sched_getaffinity(0, sizeof(usable), &usable) == 0 &&
	    CPU_COUNT(&usable) > 1)
		node->in.spin_ns = SPIN_NS;
}

void bc_client_message_fini(struct bcast_node *node)
{
	free(node->in.buffer);
}

/* Whole pages that are touched only as far as messages reach. */
static int have_buffer(struct bcast_node *node)
{
	if (node->in.buffer)
		return 0;
	node->in.buffer = aligned_alloc(
		BUFFER_ALIGN, (size_t)node->node.inbox.inbox.capacity);
	return node->in.buffer ? 0 : -ENOMEM;
}

/* ---- Wait -------------------------------------------------------------- */

/* When there is nothing: a sign of life, and now and then a look around. */
static int check_due(struct bcast_node *node, uint64_t now_ns)
{
	bc_node_beat(&node->node);
	if (now_ns < node->in.next_check_ns)
		return 0;
	node->in.next_check_ns = now_ns + SLICE_NS;
	return bc_node_check(&node->node);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool spin(const struct bcast_node *node, uint64_t until_ns)
{
	do {
		for (unsigned i = 0; i < SPINS_PER_LOOK; i++) {
			if (bc_inbox_has_mail(&node->node.inbox))
				return true;
			bc_pause();
		}
	} while (bc_monotonic_ns() < until_ns);
	return false;
}

/* 1 when there is something to take, 0 when the time is up, or an error. */
static int await(struct bcast_node *node, int timeout_ms)
{
	const struct bc_inbox_reader *inbox = &node->node.inbox;
	uint64_t now_ns = bc_monotonic_ns();
	uint64_t deadline_ns = UINT64_MAX;
	int ret;

	if (timeout_ms >= 0)
		deadline_ns =
			now_ns + (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS;
	if (timeout_ms != 0 && node->in.spin_ns > 0 &&
	    spin(node, min_u64(now_ns + node->in.spin_ns, deadline_ns)))
		return 1;
	for (;;) {
		now_ns = bc_monotonic_ns();
		ret = check_due(node, now_ns);
		/* what was sent before the end comes first */
		if (bc_inbox_has_mail(inbox))
			return 1;
		if (ret < 0)
			return ret;
		if (now_ns >= deadline_ns)
			return 0;
		bc_inbox_await_mail(
			inbox,
			min_u64(deadline_ns, node->in.next_check_ns) - now_ns);
	}
}

/* ---- Take -------------------------------------------------------------- */

static int take(struct bcast_node *node, struct bcast_message *message)
{
	struct bc_inbox_letter letter;
	int ret = bc_inbox_take(&node->node.inbox, &letter, node->in.buffer);

	if (ret <= 0)
		return ret;
	static_assert(sizeof(message->from) == sizeof(letter.id), "one size");
	memcpy(message->from, letter.id, sizeof(message->from));
	message->from_slot = letter.header.from_slot;
	message->type = letter.header.type;
	message->reserved_zero = 0;
	message->size = letter.header.length;
	message->data = node->in.buffer;
	message->sequence = letter.header.sequence;
	message->sent_ns = letter.header.sent_ns;
	node->in.received++;
	atomic_store_explicit(&node->node.slot->messages_received,
			      node->in.received, memory_order_relaxed);
	return 1;
}

static int receive(struct bcast_node *node, struct bcast_message *message,
		   int timeout_ms)
{
	int ret = node->in.owed;

	node->in.owed = 0;
	if (ret == 0)
		ret = have_buffer(node);
	if (ret == 0)
		ret = take(node, message);
	while (ret == 0) {
		ret = await(node, timeout_ms);
		if (ret <= 0)
			return ret;
		ret = take(node, message);
	}
	if (ret > 0)
		bc_node_beat(&node->node);
	return ret;
}

int bcast_recv(struct bcast_node *node, struct bcast_message *message,
	       int timeout_ms)
{
	if (!bc_node_is_ours(&node->node))
		return -ECHILD;
	if (node->in.dispatching)
		return -EBUSY;
	return receive(node, message, timeout_ms);
}

/* The first message is there; on, while there are more. */
static int hand_out(struct bcast_node *node, struct bcast_message *message,
		    bcast_handler *handler, void *context, int max)
{
	for (int count = 1;; count++) {
		int ret = handler(context, message);

		if (ret < 0)
			return ret;
		if (ret > 0 || count == max)
			return count;
		ret = take(node, message);
		if (ret == 1)
			continue;
		node->in.owed = ret;
		return count;
	}
}

int bcast_dispatch(struct bcast_node *node, bcast_handler *handler,
		   void *context, int max, int timeout_ms)
{
	struct bcast_message message;
	int ret;

	if (max <= 0)
		return -EINVAL;
	ret = bcast_recv(node, &message, timeout_ms);
	if (ret <= 0)
		return ret;
	node->in.dispatching = true;
	ret = hand_out(node, &message, handler, context, max);
	node->in.dispatching = false;
	return ret;
}
