/* SPDX-License-Identifier: MIT */
/* post.c - see post.h. */
#include <errno.h>
#include <string.h>

#include "shm/checksum.h"
#include "shm/clock.h"
#include "shm/name.h"
#include "shm/record.h"
#include "src/node_listing.h"
#include "src/nodes.h"
#include "src/post.h"
#include "src/publisher.h"
#include "src/remote_node.h"
#include "src/send_queue.h"
#include "src/session.h"
#include "src/session_tell.h"

#define BATCH_BYTES (64u * 1024u)
#define BATCH_TAKES 256u /* damaged ones, too */

/* A record has an id beside the message. */
#define MESSAGE_MAX (BCAST_PAYLOAD_MAX - BC_NAME)

static uint32_t smaller(size_t a, size_t b)
{
	return (uint32_t)(a < b ? a : b);
}

uint32_t post_limit(const struct bc_conn *conn)
{
	const struct remote_node *node = conn->session->node;

	return node ? smaller(bcast_message_limit(node->node), MESSAGE_MAX) : 0;
}

/* What a publisher says comes by way of the room that its records are given. */
uint32_t post_payload_max(const struct lane *lane, const struct bc_conn *conn)
{
	uint64_t record_max = bc_record_max(lane->segment->ring.capacity);
	uint32_t most = BCAST_CONTROL_MAX + post_limit(conn);

	if (conn->session->publisher)
		return smaller(most, record_max - BC_RECORD_HEADER);
	return most;
}

/* ---- Up ---------------------------------------------------------------- */

/*
 * If the addressee is beyond TCP too, we look into its inbox in this turn: no
 * thread need be woken to tell us.
 */
static void expect(struct remote_nodes *remote)
{
	const struct remote_message *message = &remote->message;
	uint32_t slot = bc_client_slot_of(message->from, message->to);
	struct remote_node *node =
		slot < remote->slots ? remote->by_slot[slot] : NULL;

	if (!node || node->state != POST_ASLEEP)
		return;
	bc_inbox_need_no_wake(&node->node->node.inbox);
	post_wake(remote, node);
}

static int send_inside(struct daemon *daemon, uint32_t unused)
{
	struct remote_message *message = &daemon->remote->message;

	(void)unused;
	expect(daemon->remote);
	if (strcmp(message->to, "*") == 0)
		message->result =
			bc_client_broadcast_now(message->from, message->type,
						message->data, message->size);
	else
		message->result = bc_client_send_now(
			message->from, message->to, message->type,
			message->data, message->size);
	return 0;
}

/* The addressee; "" for what cannot be one. */
static void read_key(const struct bc_packet_frame *frame,
		     char to[BCAST_NODE_ID_MAX + 1])
{
	size_t size = frame->header.key_length;

	to[0] = '\0';
	if (size > BCAST_NODE_ID_MAX || memchr(frame->payload, '\0', size))
		return;
	memcpy(to, frame->payload, size);
	to[size] = '\0';
}

static int send_up(struct daemon *daemon, const struct remote_node *node,
		   const struct bc_packet_frame *frame)
{
	const struct bcast_packet_header *header = &frame->header;
	struct remote_message *message = &daemon->remote->message;

	if (header->key_length == 0)
		return BCAST_ENAME; /* and perhaps there is no payload */
	*message = (struct remote_message){
		.from = node->node,
		.type = header->source,
		.data = frame->payload + header->key_length,
		.size = header->length - header->key_length,
	};
	read_key(frame, message->to);
	if (!nodes_guarded(daemon, send_inside, 0))
		return BCAST_ECLOSED;
	return message->result;
}

/* A client that does not read these is of no use to itself. */
static void answer(struct lane *lane, struct bc_conn *conn, uint64_t sequence,
		   int result)
{
	const struct bcast_packet_header header = {
		.length = sizeof(struct bcast_result),
		.type = BCAST_PACKET_RESULT,
	};
	const struct bcast_result payload = {
		.sequence = sequence,
		.result = result,
	};

	if (sequence == 0)
		return;
	if (outbox_add(&conn->session->outbox, &header, &payload) == 0)
		send_queue_nudge(lane, conn);
	else
		session_reject(lane, conn, BCAST_REJECT_SLOW,
			       "too many RESULTs wait to be read", 1);
}

static void take_message(struct lane *lane, struct bc_conn *conn,
			 const struct bc_packet_frame *frame)
{
	const struct bcast_packet_header *header = &frame->header;
	int result;

	if (header->length - header->key_length > post_limit(conn)) {
		session_reject(lane, conn, BCAST_REJECT_SIZE,
			       "a message of more than welcome.message_max", 0);
		return;
	}
	result = send_up(lane->daemon, conn->session->node, frame);
	bc_tally_add(&lane->tally,
		     result < 0 ? BC_COUNTER_messages_refused
				: BC_COUNTER_messages_up,
		     1);
	answer(lane, conn, header->sequence, result);
}

void post_take(struct lane *lane, struct bc_conn *conn,
	       const struct bc_packet_frame *frame)
{
	if (frame->header.type == BCAST_PACKET_MESSAGE)
		take_message(lane, conn, frame);
	else if (node_listing_ask(conn->session->node, frame->header.sequence))
		post_wake(lane->daemon->remote, conn->session->node);
	else
		session_reject(lane, conn, BCAST_REJECT_LIMIT,
			       "too many NODES questions at a time", 1);
}

/* ---- Who is to be looked at -------------------------------------------- */

void post_wake(struct remote_nodes *remote, struct remote_node *node)
{
	if (node->state == POST_AWAKE)
		return;
	node->state = POST_AWAKE;
	node->next_awake = remote->awake;
	remote->awake = node;
}

void post_forget(struct remote_nodes *remote, struct remote_node *node)
{
	struct remote_node **at = &remote->awake;

	while (*at && *at != node)
		at = &(*at)->next_awake;
	if (*at)
		*at = node->next_awake;
}

void post_on_spoken(struct lane *lane, struct bc_conn *conn)
{
	struct session *session = conn->session;

	if (session->node && session->node->state == POST_BLOCKED &&
	    outbox_is_empty(&session->outbox))
		post_wake(lane->daemon->remote, session->node);
}

static void has_mail(void *context, uint32_t slot)
{
	struct remote_nodes *remote = context;
	struct remote_node *node =
		slot < remote->slots ? remote->by_slot[slot] : NULL;

	if (node && node->state == POST_ASLEEP)
		post_wake(remote, node);
}

void post_on_event(struct daemon *daemon)
{
	daemon->remote->armed = false;
	mail_watch_take(&daemon->remote->watch, has_mail, daemon->remote);
}

void post_arm(struct daemon *daemon)
{
	struct remote_nodes *remote = daemon->remote;

	if (remote && !remote->armed && daemon->phase == DAEMON_RUNNING &&
	    bc_backend_poll(daemon->backend, remote->watch.eventfd,
			    bc_token_pack(BC_OP_MAIL, 0, 0)) == 0)
		remote->armed = true;
}

/* ---- Down -------------------------------------------------------------- */

/* CLOCK_MONOTONIC of somebody else to CLOCK_REALTIME; 0: it cannot be. */
static uint64_t realtime_of(uint64_t sent_ns)
{
	uint64_t now_ns = bc_monotonic_ns();

	if (sent_ns == 0 || sent_ns > now_ns)
		return 0;
	return bc_realtime_ns() - (now_ns - sent_ns);
}

/*
 * The id goes right before the message. Returns the record's size, or -errno.
 */
static int64_t put(struct outbox *outbox, const struct bc_inbox_letter *letter,
		   unsigned char *message)
{
	uint16_t id_length = letter->header.id_length;
	unsigned char *payload = message - id_length;
	const struct bcast_packet_header header = {
		.length = id_length + letter->header.length,
		.type = BCAST_PACKET_MESSAGE,
		.timestamp_ns = realtime_of(letter->header.sent_ns),
		.crc32c = bc_checksum(bc_checksum(0, letter->id, id_length),
				      message, letter->header.length),
		.source = letter->header.type,
		.key_length = id_length,
	};
	int ret;

	memcpy(payload, letter->id, id_length);
	ret = outbox_add_bulk(outbox, &header, payload);
	return ret < 0 ? ret : (int64_t)bcast_packet_size(header.length);
}

static void count_taken(struct daemon *daemon, struct remote_node *node)
{
	struct bcast_node *from = node->node;

	from->in.received++;
	atomic_store_explicit(&from->node.slot->messages_received,
			      from->in.received, memory_order_relaxed);
	bc_tally_add(&daemon->home.tally, BC_COUNTER_messages_down, 1);
}

/* Bytes for the outbox, 0 if there is nothing, or -ENOMEM. */
static int64_t take_one(struct daemon *daemon, struct remote_node *node,
			bool *more)
{
	unsigned char *message = daemon->remote->letter + BC_NAME;
	struct bc_inbox_letter letter;
	int ret = bc_inbox_take(&node->node->node.inbox, &letter, message);

	*more = ret != 0;
	if (ret == 0)
		return 0;
	/* damaged; or as long as no record can be */
	if (ret < 0 || letter.header.length > MESSAGE_MAX) {
		bc_tally_add(&daemon->home.tally, BC_COUNTER_messages_lost, 1);
		return 0;
	}
	count_taken(daemon, node);
	return put(&node->conn->session->outbox, &letter, message);
}

/* 0, or -ENOMEM: one is lost. */
static int take_some(struct daemon *daemon, struct remote_node *node)
{
	int64_t bytes = 0;
	bool more = true;

	for (unsigned i = 0; more && i < BATCH_TAKES && bytes < BATCH_BYTES;
	     i++) {
		int64_t ret = take_one(daemon, node, &more);

		if (ret < 0)
			return (int)ret;
		bytes += ret;
	}
	return 0;
}

/* Nothing there: may it be left to the watch? */
static bool fall_asleep(struct remote_nodes *remote, struct remote_node *node)
{
	const struct bc_inbox_reader *inbox = &node->node->node.inbox;
	uint32_t seen = atomic_load_explicit(&inbox->inbox.shm->count,
					     memory_order_acquire);

	mail_watch_want(&remote->watch, node->slot, seen);
	if (!bc_inbox_ask_to_be_woken(inbox)) {
		bc_inbox_need_no_wake(inbox);
		return false;
	}
	node->state = POST_ASLEEP;
	return true;
}

/* It is AWAKE, and in the list no more. Returns whether it is done with. */
static bool serve(struct daemon *daemon, struct remote_node *node)
{
	struct bc_conn *conn = node->conn;
	struct outbox *outbox = &conn->session->outbox;
	int ret = 0;

	node->state = POST_BLOCKED;
	bc_inbox_need_no_wake(&node->node->node.inbox);
	if (outbox_is_empty(outbox)) {
		node_listing_go_on(daemon, node);
		ret = take_some(daemon, node);
	}
	if (ret < 0)
		daemon->remote->failed = node;
	else if (outbox_is_empty(outbox))
		return fall_asleep(daemon->remote, node);
	send_queue_nudge(&daemon->home, conn);
	return true;
}

/* Who is not done with is looked at again in the next turn, at once. */
static int pump_inside(struct daemon *daemon, uint32_t unused)
{
	struct remote_nodes *remote = daemon->remote;
	struct remote_node *node, *again = NULL;

	(void)unused;
	while ((node = remote->awake)) {
		remote->awake = node->next_awake;
		if (serve(daemon, node))
			continue;
		node->state = POST_AWAKE;
		node->next_awake = again;
		again = node;
	}
	remote->awake = again;
	return 0;
}

void post_pump(struct daemon *daemon)
{
	struct remote_nodes *remote = daemon->remote;

	if (!remote || !remote->awake)
		return;
	remote->failed = NULL;
	(void)nodes_guarded(daemon, pump_inside, 0);
	/* not inside, since leaving needs a guard of its own */
	if (remote->failed)
		session_reject(&daemon->home, remote->failed->conn,
			       BCAST_REJECT_LIMIT,
			       "the daemon is out of memory", 1000);
}

bool post_has_work(const struct daemon *daemon)
{
	return daemon->remote && daemon->remote->awake &&
	       daemon->nodes.table.header;
}
