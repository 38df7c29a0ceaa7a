/* SPDX-License-Identifier: MIT */
/*
 * post.h - messages of remote nodes, both ways.
 *
 *	up	MESSAGE -> bc_client_send_now() -> the addressee's inbox, and a
 *		RESULT where it was asked for
 *	down	inbox -> bc_inbox_take() -> the client's outbox -> MESSAGE
 *
 * Up, the loop never waits: what does not fit, or finds another sender in the
 * way, is answered with that, and the client tries again. From one remote node
 * to another it goes the same way, through the addressee's inbox.
 *
 * Down, messages are taken out only while the client's outbox is empty, some
 * BATCH_BYTES at a time or one long one. So a client that does not read costs
 * that much and no more: the rest waits in its inbox, until that is full and
 * senders, local or remote, are told BCAST_EFULL.
 *
 *	ASLEEP --mail_watch--> AWAKE --taken something--> BLOCKED
 *	   ^---nothing there-----' ^------------outbox empty---'
 *
 * kill -9 of the daemon while it writes to an inbox: as of any sender, all of
 * the message is there or nothing, and nobody is hindered. What it had taken
 * out and not sent is lost, as with a local node that dies.
 */
#ifndef SRC_POST_H
#define SRC_POST_H

#include "net/packet_stream.h"
#include "src/remote_node.h"

/* post_limit - the longest message of and for this client; 0: it is no node. */
uint32_t post_limit(const struct bc_conn *conn);

/* post_payload_max - the longest payload of MESSAGE and NODES that may come. */
uint32_t post_payload_max(const struct lane *lane, const struct bc_conn *conn);

/* post_take - the client, a node, has sent a MESSAGE or NODES. */
void post_take(struct lane *lane, struct bc_conn *conn,
	       const struct bc_packet_frame *frame);

/* post_on_spoken - some of the client's outbox has been sent. */
void post_on_spoken(struct lane *lane, struct bc_conn *conn);

/* post_wake - look at this node's inbox and questions before the next sleep. */
void post_wake(struct remote_nodes *remote, struct remote_node *node);

/* post_forget - the node is going. */
void post_forget(struct remote_nodes *remote, struct remote_node *node);

/* post_pump - take messages out, for all clients that can be told. */
void post_pump(struct daemon *daemon);

/* post_has_work - has the last pump left somebody out? */
bool post_has_work(const struct daemon *daemon);

/* post_arm - poll for mail, if no poll is in flight. */
void post_arm(struct daemon *daemon);

/* post_on_event - that poll has ended. */
void post_on_event(struct daemon *daemon);

#endif
