/* SPDX-License-Identifier: MIT */
/*
 * remote_node.h - a client of --packet that is a node of the stream, and all of
 * them: what remote_nodes.c, post.c and node_listing.c share.
 */
#ifndef SRC_REMOTE_NODE_H
#define SRC_REMOTE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include <bcast/packet.h>

#include "net/hello.h"
#include "shm/client_node.h"
#include "src/daemon.h"
#include "src/mail_watch.h"

/* What is to be done about a node's inbox: post.c. */
enum post_state {
	POST_ASLEEP,  /* it is empty; mail_watch will tell */
	POST_AWAKE,   /* it is in the list of those to be looked at */
	POST_BLOCKED, /* the client has not been sent all of its outbox yet */
};

/* Questions of who is there, not answered yet: node_listing.c. */
struct node_listing {
	uint64_t sequences[BCAST_QUESTIONS_MAX];
	uint32_t count;
	uint32_t next_slot; /* where the answer to the first goes on */
};

struct remote_node {
	struct bcast_node *node;
	struct bc_conn *conn;
	uint32_t slot;
	uint64_t publisher_id;
	char id[BCAST_NODE_ID_MAX + 1];
	enum post_state state;
	struct remote_node *next_awake;
	struct node_listing listing;
};

/* A message of a remote node, on its way into an inbox. */
struct remote_message {
	struct bcast_node *from;
	char to[BCAST_NODE_ID_MAX + 1];
	uint16_t type;
	const void *data;
	size_t size;
	int result;
};

/* There from the first one on. Only remote_nodes.c and post.c write it. */
struct remote_nodes {
	struct remote_node **by_slot;
	uint32_t slots;
	uint32_t count;
	struct bc_peer_box *boxes; /* shared: a mapping an inbox, for all */
	unsigned char *letter;	   /* where a message is taken out to */
	struct mail_watch watch;
	bool armed;		   /* a poll of its eventfd is in flight */
	struct remote_node *awake; /* first of those to be looked at */
	struct remote_message message;
	struct remote_node *joining, *leaving, *failed;
	const struct bc_hello *hello;
	int result;
};

/* remote_node_in - is the node in this slot of the registry one of ours? */
static inline bool remote_node_in(const struct daemon *daemon, uint32_t slot)
{
	return daemon->remote && daemon->remote->by_slot[slot];
}

#endif
