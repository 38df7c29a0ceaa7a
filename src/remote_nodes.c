/* SPDX-License-Identifier: MIT */
/*
 * remote_nodes.c - see remote_nodes.h.
 *
 * All that touches the registry's pages runs inside nodes_guarded(), which may
 * be left by a jump; so arguments and results stand in struct remote_nodes.
 * What a join that is left that way had opened is lost; it can happen once,
 * since the registry is given up then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/text.h"
#include "src/log.h"
#include "src/nodes.h"
#include "src/post.h"
#include "src/remote_node.h"
#include "src/remote_nodes.h"
#include "src/session.h"
#include "src/session_tell.h"

#define ALIGN	       64u
#define RETRY_SOON_MS  100
#define RETRY_LATER_MS 1000

/* ---- The first one ----------------------------------------------------- */

static void free_all(struct remote_nodes *remote)
{
	bc_client_boxes_free(remote->boxes, remote->slots);
	free(remote->by_slot);
	free(remote->letter);
	free(remote);
}

/*
 * In `letter` there is room for an id before the message, which then is the
 * payload of a record as it stands. Its pages are touched only as far as
 * messages reach.
 */
static int begin(struct daemon *daemon)
{
	const struct bc_node_table *table = &daemon->nodes.table;
	size_t capacity = table->geometry.inbox_size - BC_PAGE;
	struct remote_nodes *remote = calloc(1, sizeof(*remote));
	int ret = -ENOMEM;

	if (!remote)
		return -ENOMEM;
	remote->slots = table->geometry.node_count;
	remote->by_slot = calloc(remote->slots, sizeof(struct remote_node *));
	remote->boxes = calloc(remote->slots, sizeof(*remote->boxes));
	remote->letter = aligned_alloc(ALIGN, BC_NAME + capacity);
	if (remote->by_slot && remote->boxes && remote->letter)
		ret = mail_watch_open(&remote->watch, table);
	if (ret < 0) {
		free_all(remote);
		return ret;
	}
	daemon->remote = remote;
	return 0;
}

/* ---- Join -------------------------------------------------------------- */

/*
 * The library looks for the dead before it says that all slots are taken, which
 * takes long when there are thousands; ours have been swept already.
 */
static bool has_free_slot(const struct bc_node_table *table)
{
	for (uint32_t i = 0; i < table->geometry.node_count; i++)
		if (bc_node_claim_state(atomic_load_explicit(
			    &bc_node_table_slot(table, i)->claim,
			    memory_order_relaxed)) == BC_NODE_FREE)
			return true;
	return false;
}

static uint32_t join_roles(uint32_t client_roles)
{
	return BCAST_NODE_REMOTE |
	       (client_roles & BCAST_CLIENT_PUBLISH ? BCAST_NODE_PUBLISHER : 0);
}

static int join_inside(struct daemon *daemon, uint32_t unused)
{
	struct remote_nodes *remote = daemon->remote;
	const struct bc_hello *hello = remote->hello;
	const struct bcast_join_options options = {
		.size = sizeof(options),
		.roles = join_roles(hello->fixed.roles),
		.stuck_after_ms = daemon->config.idle_timeout_ms / 2,
	};
	struct bcast_node **node = &remote->joining->node;

	(void)unused;
	remote->result = BCAST_EFULL;
	if (!has_free_slot(&daemon->nodes.table))
		return 0;
	remote->result =
		bcast_join(daemon->config.name, hello->id, &options, node);
	if (remote->result < 0)
		return 0;
	if (hello->fixed.roles & BCAST_CLIENT_SUBSCRIBE)
		atomic_fetch_or_explicit(&(*node)->node.slot->role,
					 BCAST_NODE_READER,
					 memory_order_relaxed);
	return 0;
}

static struct remote_node *find(const struct remote_nodes *remote,
				const char *id)
{
	for (uint32_t i = 0; i < remote->slots; i++)
		if (remote->by_slot[i] &&
		    strcmp(remote->by_slot[i]->id, id) == 0)
			return remote->by_slot[i];
	return NULL;
}

/* Its slot is free at once, whether or not it reads why. */
static void send_away(struct daemon *daemon, struct bc_conn *conn,
		      uint32_t code, const char *why, uint32_t retry_ms)
{
	session_reject(&daemon->home, conn, code, why, retry_ms);
	remote_nodes_leave(daemon, conn);
}

/* If this client has been here before, that is over. */
static void replace(struct daemon *daemon, const struct bc_hello *hello)
{
	const struct remote_node *before = find(daemon->remote, hello->id);

	if (before && before->publisher_id != 0 &&
	    before->publisher_id == hello->fixed.publisher_id)
		send_away(daemon, before->conn, BCAST_REJECT_REPLACED,
			  "the same node has come again", 0);
}

static void refuse(struct daemon *daemon, struct bc_conn *conn,
		   const struct bc_hello *hello, int error)
{
	uint32_t code = BCAST_REJECT_LIMIT, retry_ms = RETRY_LATER_MS;
	char why[BC_HELLO_TEXT_MAX];

	if (error == -EEXIST) {
		code = BCAST_REJECT_NODE_ID;
		snprintf(why, sizeof(why), "another node is there as %s",
			 hello->id);
	} else if (error == BCAST_EFULL) {
		retry_ms = RETRY_SOON_MS;
		snprintf(why, sizeof(why),
			 "all %u slots are taken (bcastd --nodes)",
			 daemon->config.nodes);
	} else if (error == -ENOSPC || error == -ENOMEM || error == -EMFILE ||
		   error == -ENFILE || error == -EAGAIN) {
		snprintf(why, sizeof(why), "no room for another node: %s",
			 bcast_strerror(error));
	} else {
		code = BCAST_REJECT_ROLE;
		retry_ms = 0;
		snprintf(why, sizeof(why), "nobody can join here: %s",
			 bcast_strerror(error));
	}
	session_reject(&daemon->home, conn, code, why, retry_ms);
}

/* What a node needs beside its slot. */
static int settle(struct daemon *daemon, struct remote_node *node)
{
	struct remote_nodes *remote = daemon->remote;
	const struct bc_inbox *inbox = &node->node->node.inbox.inbox;

	bc_client_send_share(node->node, remote->boxes);
	node->slot = node->node->node.index;
	return mail_watch_add(&remote->watch, node->slot, &inbox->shm->count);
}

static void enter(struct daemon *daemon, struct bc_conn *conn,
		  struct remote_node *node)
{
	struct remote_nodes *remote = daemon->remote;

	conn->session->node = node;
	remote->by_slot[node->slot] = node;
	remote->count++;
	bc_counter_set(daemon->counters, BC_COUNTER_remote_nodes,
		       remote->count);
	post_wake(remote, node);
	log_event(LOG_LEVEL_INFO, "remote_node_joined", "id=%s slot=%u peer=%s",
		  node->id, node->slot, conn->peer);
}

static int leave_inside(struct daemon *daemon, uint32_t unused)
{
	(void)unused;
	bc_node_leave(&daemon->remote->leaving->node->node);
	return 0;
}

/* Out of the registry, as far as that is there, and free it. */
static void give_back(struct daemon *daemon, struct remote_node *node)
{
	daemon->remote->leaving = node;
	bc_client_send_share(node->node, NULL);
	/* else free it as a forked child does: the slot is left to itself */
	if (!nodes_guarded(daemon, leave_inside, 0))
		*node->node->node.here = 0;
	bcast_leave(node->node);
	free(node);
}

static int join(struct daemon *daemon, struct bc_conn *conn,
		const struct bc_hello *hello)
{
	struct remote_nodes *remote = daemon->remote;
	struct remote_node *node = calloc(1, sizeof(*node));
	int ret;

	if (!node)
		return -ENOMEM;
	node->conn = conn;
	node->publisher_id = hello->fixed.publisher_id;
	bc_text_set(node->id, sizeof(node->id), hello->id);
	remote->joining = node;
	remote->hello = hello;
	ret = nodes_guarded(daemon, join_inside, 0) ? remote->result
						    : BCAST_ETOOSMALL;
	if (ret < 0) {
		free(node);
		return ret;
	}
	ret = settle(daemon, node);
	if (ret < 0)
		give_back(daemon, node);
	else
		enter(daemon, conn, node);
	return ret;
}

bool remote_nodes_join(struct daemon *daemon, struct bc_conn *conn,
		       const struct bc_hello *hello)
{
	int ret = 0;

	if ((hello->fixed.roles & BCAST_CLIENT_NODE) == 0)
		return true;
	if (!daemon->nodes.table.header)
		ret = BCAST_ECLOSED;
	else if (!daemon->remote)
		ret = begin(daemon);
	if (ret == 0) {
		replace(daemon, hello);
		ret = join(daemon, conn, hello);
	}
	if (ret < 0)
		refuse(daemon, conn, hello, ret);
	return ret == 0;
}

/* ---- Leave ------------------------------------------------------------- */

void remote_nodes_leave(struct daemon *daemon, struct bc_conn *conn)
{
	struct remote_node *node = conn->session->node;
	struct remote_nodes *remote;

	if (!node)
		return;
	remote = daemon->remote;
	conn->session->node = NULL;
	mail_watch_remove(&remote->watch, node->slot);
	post_forget(remote, node);
	remote->by_slot[node->slot] = NULL;
	remote->count--;
	log_event(LOG_LEVEL_INFO, "remote_node_left", "id=%s slot=%u peer=%s",
		  node->id, node->slot, conn->peer);
	give_back(daemon, node);
	/* last: who sees it finds the slot free */
	bc_counter_set(daemon->counters, BC_COUNTER_remote_nodes,
		       remote->count);
}

/* ---- Time -------------------------------------------------------------- */

/* Whether the slot is still ours. */
static bool show(const struct remote_node *node)
{
	struct bc_node_shm *slot = node->node->node.slot;
	const struct bc_conn *conn = node->conn;

	atomic_store_explicit(&slot->heartbeat_ns, conn->session->heard_ns,
			      memory_order_relaxed);
	if (conn->role == BCAST_ROLE_RECEIVER) {
		atomic_store_explicit(&slot->cursor, conn->cursor,
				      memory_order_relaxed);
		atomic_store_explicit(&slot->bytes, conn->bytes,
				      memory_order_relaxed);
	}
	return atomic_load_explicit(&slot->claim, memory_order_relaxed) ==
	       node->node->node.claim;
}

/* One that is not is noted, and the next found by the next tick. */
static int tick_inside(struct daemon *daemon, uint32_t unused)
{
	struct remote_nodes *remote = daemon->remote;

	(void)unused;
	for (uint32_t i = 0; i < remote->slots; i++)
		if (remote->by_slot[i] && !show(remote->by_slot[i]))
			remote->leaving = remote->by_slot[i];
	return 0;
}

static void end_all(struct daemon *daemon)
{
	struct remote_nodes *remote = daemon->remote;

	for (uint32_t i = 0; i < remote->slots; i++)
		if (remote->by_slot[i])
			send_away(daemon, remote->by_slot[i]->conn,
				  BCAST_REJECT_ROLE,
				  "the registry of nodes was damaged", 0);
}

void remote_nodes_tick(struct daemon *daemon)
{
	struct remote_nodes *remote = daemon->remote;

	if (!remote || remote->count == 0)
		return;
	remote->leaving = NULL;
	if (!nodes_guarded(daemon, tick_inside, 0))
		end_all(daemon);
	else if (remote->leaving)
		send_away(daemon, remote->leaving->conn, BCAST_REJECT_LIMIT,
			  "the node's slot was overwritten; join again",
			  RETRY_SOON_MS);
}

/* ---- The end ----------------------------------------------------------- */

void remote_nodes_drain(struct daemon *daemon)
{
	struct remote_nodes *remote = daemon->remote;

	if (remote && remote->armed)
		(void)bc_backend_cancel(daemon->backend,
					bc_token_pack(BC_OP_MAIL, 0, 0));
}

bool remote_nodes_are_quiet(const struct daemon *daemon)
{
	return !daemon->remote || !daemon->remote->armed;
}

void remote_nodes_stop(struct daemon *daemon)
{
	struct remote_nodes *remote = daemon->remote;

	if (!remote)
		return;
	/* a stop in order has ended all connections; another one does not */
	for (uint32_t i = 0; i < remote->slots; i++)
		if (remote->by_slot[i])
			remote_nodes_leave(daemon, remote->by_slot[i]->conn);
	mail_watch_close(&remote->watch);
	free_all(remote);
	daemon->remote = NULL;
}
