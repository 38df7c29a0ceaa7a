/* SPDX-License-Identifier: MIT */
/*
 * node_listing.h - who is there, for a remote node that asks (NODES).
 *
 * As bcast_nodes_list(), but in pieces: each time when the client's outbox is
 * empty, one record of up to LISTING_SLOTS slots, so that a registry of
 * thousands neither stops the loop nor fills memory. Each entry is a snapshot
 * of its own anyway. The dead are not swept here: nodes.c has done so.
 */
#ifndef SRC_NODE_LISTING_H
#define SRC_NODE_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "src/remote_node.h"

/*
 * node_listing_ask - the client has asked. Returns false if BCAST_QUESTIONS_MAX
 * wait already.
 */
bool node_listing_ask(struct remote_node *node, uint64_t sequence);

/*
 * node_listing_go_on - put a piece of what is to be answered into the outbox,
 * which is empty. Touches the registry: inside nodes_guarded().
 */
void node_listing_go_on(struct daemon *daemon, struct remote_node *node);

#endif
