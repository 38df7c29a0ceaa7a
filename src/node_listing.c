/* SPDX-License-Identifier: MIT */
/* node_listing.c - see node_listing.h. */
#include <string.h>

#include "shm/node_info.h"
#include "src/node_listing.h"
#include "src/remote_node.h"
#include "src/session.h"

#define LISTING_SLOTS 64u

bool node_listing_ask(struct remote_node *node, uint64_t sequence)
{
	struct node_listing *listing = &node->listing;

	if (listing->count == BCAST_QUESTIONS_MAX)
		return false;
	listing->sequences[listing->count++] = sequence;
	return true;
}

/* Nobody need ask the kernel about those whom the daemon knows. */
static bool is_known(const struct daemon *daemon, uint32_t slot)
{
	uint64_t claim = atomic_load_explicit(
		&bc_node_table_slot(&daemon->nodes.table, slot)->claim,
		memory_order_acquire);

	return daemon->nodes.watches[slot].claim == claim ||
	       remote_node_in(daemon, slot);
}

static bool read_entry(const struct daemon *daemon, uint32_t slot,
		       struct bcast_node_entry *entry)
{
	struct bcast_node_info info;

	if (bc_node_info_read(&daemon->nodes.table, slot,
			      is_known(daemon, slot), &info) != 1)
		return false;
	*entry = (struct bcast_node_entry){
		.state = info.state,
		.roles = info.roles,
		.slot = info.slot,
		.remote = (info.roles & BCAST_NODE_REMOTE) != 0,
		.cursor = info.cursor,
		.lag = info.lag,
		.joined_realtime_ns = info.joined_realtime_ns,
		.heartbeat_age_ns = info.heartbeat_age_ns,
	};
	static_assert(sizeof(entry->id) == sizeof(info.id), "one size");
	memcpy(entry->id, info.id, sizeof(entry->id));
	return true;
}

/* Whether it could be put; if not, the client waits for it in vain. */
static bool put(struct remote_node *node,
		const struct bcast_node_entry *entries, uint32_t count)
{
	const struct bcast_packet_header header = {
		.length = count * (uint32_t)sizeof(*entries),
		.type = BCAST_PACKET_NODES,
		.sequence = node->listing.sequences[0],
	};

	return outbox_add_bulk(&node->conn->session->outbox, &header,
			       entries) == 0;
}

static void forget_first(struct node_listing *listing)
{
	listing->count--;
	memmove(listing->sequences, listing->sequences + 1,
		listing->count * sizeof(listing->sequences[0]));
	listing->next_slot = 0;
}

void node_listing_go_on(struct daemon *daemon, struct remote_node *node)
{
	struct bcast_node_entry entries[LISTING_SLOTS];
	struct node_listing *listing = &node->listing;
	uint32_t count = 0;

	if (listing->count == 0)
		return;
	while (listing->next_slot < daemon->nodes.count &&
	       count < LISTING_SLOTS)
		if (read_entry(daemon, listing->next_slot++, &entries[count]))
			count++;
	if (count > 0 && !put(node, entries, count))
		return;
	if (listing->next_slot >= daemon->nodes.count && put(node, NULL, 0))
		forget_first(listing);
}
