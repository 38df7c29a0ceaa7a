/* SPDX-License-Identifier: MIT */
/*
 * client_tcp_node.c - the door of TCP: messages, who is there, PING.
 *
 * What is asked is numbered, one question at a time. What comes: client_mail.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/client_parts.h"
#include "shm/clock.h"

#define ANSWER_MS 5000
#define FULL_NS	  ((uint64_t)(10 * BC_NS_PER_MS)) /* until asked again */

/* ---- Ask --------------------------------------------------------------- */

static int await_up(struct bc_client_link *link, uint64_t deadline_ns)
{
	while (link->state != BC_LINK_UP) {
		int ret = bc_client_tcp_wait(link, deadline_ns);

		if (ret < 0)
			return ret;
		if (ret == 1 && link->state != BC_LINK_UP)
			return -ENOTCONN;
	}
	return 0;
}

/* header->sequence becomes the question's number. 0 or < 0: not sent. */
static int ask(struct bc_client_link *link, struct bcast_packet_header *header,
	       const void *payload)
{
	struct bc_client_question *question = &link->client->question;
	int ret;

	question->sequence++;
	question->answered = false;
	question->count = 0;
	question->sent_ns = bc_client_now();
	header->sequence = question->sequence;
	ret = bc_client_link_say(link, header, payload);
	if (ret == 0)
		bc_client_link_send(link);
	else
		bc_client_link_fail(link, ret, bcast_strerror(ret));
	return ret;
}

/* Until the answer is there, on the same connection. */
static int await_answer(struct bc_client_link *link, uint64_t deadline_ns)
{
	struct bc_client_question *question = &link->client->question;
	uint64_t connection = link->up_since_ns;
	int ret = 0;

	while (!question->answered) {
		if (link->state != BC_LINK_UP ||
		    link->up_since_ns != connection)
			return -ECONNRESET;
		if (ret == 1)
			return -ETIMEDOUT;
		ret = bc_client_tcp_wait(link, deadline_ns);
		if (ret < 0)
			return ret;
	}
	return question->result;
}

/* ---- Messages ---------------------------------------------------------- */

static int send_once(struct bcast_client *client, const char *to_id,
		     uint16_t type, const unsigned char *payload, size_t size,
		     uint64_t deadline_ns)
{
	struct bc_client_link *link = &client->up;
	struct bcast_packet_header header = {
		.length = (uint32_t)size,
		.type = BCAST_PACKET_MESSAGE,
		.source = type,
		.key_length = (uint16_t)strlen(to_id),
	};
	uint64_t patience_ns = ANSWER_MS * (uint64_t)BC_NS_PER_MS;
	int ret = await_up(link, deadline_ns);

	if (ret < 0)
		return ret;
	if (size - header.key_length > link->welcome.fixed.message_max)
		return -EMSGSIZE;
	ret = ask(link, &header, payload);
	if (ret < 0)
		return ret == -ENOMEM ? ret : -ECONNRESET;
	if (deadline_ns != UINT64_MAX)
		deadline_ns += patience_ns;
	return await_answer(link, deadline_ns);
}

/* While the inbox is full, and there is time. */
static int send_patiently(struct bcast_client *client, const char *to_id,
			  uint16_t type, const unsigned char *payload,
			  size_t size, int timeout_ms)
{
	uint64_t deadline_ns = bc_client_deadline(timeout_ms);

	for (;;) {
		int ret = send_once(client, to_id, type, payload, size,
				    deadline_ns);
		uint64_t now_ns = bc_client_now();
		uint64_t again_ns = now_ns + FULL_NS;

		if (ret != BCAST_EFULL || now_ns >= deadline_ns)
			return ret;
		do
			ret = bc_client_tcp_wait(&client->up,
						 again_ns < deadline_ns
							 ? again_ns
							 : deadline_ns);
		while (ret == 0);
		if (ret < 0)
			return ret;
	}
}

int bc_client_tcp_send(struct bcast_client *client, const char *to_id,
		       uint16_t type, const void *data, size_t size,
		       int timeout_ms)
{
	size_t key = strlen(to_id);
	unsigned char *payload;
	int ret;

	if (size > BCAST_PAYLOAD_MAX - BCAST_NODE_ID_MAX)
		return -EMSGSIZE;
	payload = malloc(key + size);
	if (!payload)
		return -ENOMEM;
	memcpy(payload, to_id, key);
	if (size > 0)
		memcpy(payload + key, data, size);
	ret = send_patiently(client, to_id, type, payload, key + size,
			     timeout_ms);
	free(payload);
	return ret;
}

int bc_client_tcp_recv(struct bcast_client *client,
		       struct bcast_message *message, uint64_t deadline_ns)
{
	int ret = 0;

	for (;;) {
		if (bc_client_mail_take(client, message))
			return 1;
		if (ret == 1)
			return 0;
		ret = bc_client_tcp_wait(&client->up, deadline_ns);
		if (ret < 0)
			return ret;
	}
}

/* ---- Who is there, and how far away is it ------------------------------ */

int bc_client_tcp_nodes(struct bcast_client *client,
			struct bcast_node_entry *entries, int max,
			int timeout_ms)
{
	struct bcast_packet_header header = {.type = BCAST_PACKET_NODES};
	uint64_t deadline_ns = bc_client_deadline(timeout_ms);
	struct bc_client_link *link = &client->up;
	int ret = await_up(link, deadline_ns);

	if (ret < 0)
		return ret;
	client->question.entries = entries;
	client->question.max = max;
	ret = ask(link, &header, NULL);
	if (ret == 0)
		ret = await_answer(link, deadline_ns);
	client->question.max = 0;
	return ret;
}

static bool has_pong(const struct bc_client_link *link)
{
	const struct bc_client_bytes *in = &link->in;
	size_t at = in->begin;

	while (in->end - at >= sizeof(struct bcast_packet_header)) {
		struct bcast_packet_header header;

		memcpy(&header, in->at + at, sizeof(header));
		if (header.type == BCAST_PACKET_PONG &&
		    header.sequence == link->client->question.sequence)
			return true;
		if (bcast_packet_size(header.length) > in->end - at)
			break;
		at += bcast_packet_size(header.length);
	}
	return false;
}

/* The PONG of a subscriber lies among the records, which stay where they are.
 */
static int await_pong(struct bc_client_link *link, uint64_t deadline_ns)
{
	struct bcast_client *client = link->client;

	for (;;) {
		size_t have = link->in.end - link->in.begin;
		int64_t n;
		int ret;

		if (link->state != BC_LINK_UP)
			return -ECONNRESET;
		if (has_pong(link)) {
			bc_client_mail_answered(client, 0);
			return 0;
		}
		if (have >= BC_CLIENT_BUFFER)
			return -EBUSY;
		n = bc_client_link_receive(link, have + 1);
		if (n < 0)
			bc_client_link_fail(link, (int)n,
					    bcast_strerror((int)n));
		if (n != 0)
			continue;
		ret = bc_client_tcp_wait(link, deadline_ns);
		if (ret != 0)
			return ret < 0 ? ret : -ETIMEDOUT;
	}
}

int bc_client_tcp_ping(struct bcast_client *client, int timeout_ms,
		       uint64_t *round_trip_ns)
{
	struct bcast_packet_header header = {.type = BCAST_PACKET_PING};
	uint64_t deadline_ns = bc_client_deadline(timeout_ms);
	bool by_up = client->up.state != BC_LINK_OFF;
	struct bc_client_link *link = by_up ? &client->up : &client->down;
	int ret;

	if (!by_up)
		bc_client_tcp_consume(client);
	ret = await_up(link, deadline_ns);
	if (ret == 0)
		ret = ask(link, &header, NULL);
	if (ret == 0)
		ret = by_up ? await_answer(link, deadline_ns)
			    : await_pong(link, deadline_ns);
	if (ret == 0)
		*round_trip_ns =
			client->question.answered_ns - client->question.sent_ns;
	return ret;
}
