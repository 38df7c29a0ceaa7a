/* SPDX-License-Identifier: MIT */
/*
 * remote_nodes.h - clients of --packet that are nodes: they come, stay and go.
 *
 * The daemon joins the registry on each one's behalf, as any local process
 * does, and with the same functions: a slot, an inbox and locks of its own
 * (two descriptors). So who lists, sends, or sweeps the dead need not know that
 * there are such nodes; BCAST_NODE_REMOTE says so to people. Messages both ways
 * are the business of post.h.
 *
 * Whose it is: the connection's. The node is there from before the WELCOME until
 * the connection ends or is told why it must, and no moment longer: its id and
 * slot are free then, and what lies in its inbox is lost.
 *
 * The same id again, while the old connection may be dead without our knowing:
 * with the publisher_id of that one, not 0, it is the same client, and replaces
 * it (BCAST_REJECT_REPLACED). Else it is somebody else, and refused, until the
 * old connection ends, at the latest by --idle-timeout.
 *
 * Sign of life: whatever comes from the client. It is shown as stuck after half
 * of --idle-timeout.
 *
 * kill -9 of the daemon frees the locks of all these nodes; others see them dead
 * at once and sweep them, the next daemon at its first tick. A registry that is
 * cut short under us (nodes.c) ends these clients, and nothing else.
 */
#ifndef SRC_REMOTE_NODES_H
#define SRC_REMOTE_NODES_H

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

/*
 * remote_nodes_join - if this HELLO asks for a node: join for it. Returns false
 * if that failed; the client has been told why.
 */
bool remote_nodes_join(struct daemon *daemon, struct bc_conn *conn,
		       const struct bc_hello *hello);

/* remote_nodes_leave - this client is going; NULL is its node mostly. */
void remote_nodes_leave(struct lane *lane, struct bc_conn *conn);

/* remote_nodes_own - is the node in this slot one of ours? */
bool remote_nodes_own(const struct daemon *daemon, uint32_t slot);

/* remote_nodes_tick - show signs of life, and see whether all is well. */
void remote_nodes_tick(struct daemon *daemon);

/*
 * remote_nodes_drain - the stream ends: wait for no more mail.
 * remote_nodes_are_quiet - is the poll for it back?
 */
void remote_nodes_drain(struct daemon *daemon);
bool remote_nodes_are_quiet(const struct daemon *daemon);

/* remote_nodes_stop - free all. After the backend, before nodes_stop(). */
void remote_nodes_stop(struct daemon *daemon);

#endif
