/* SPDX-License-Identifier: MIT */
/*
 * client_tcp_node.c - the door of TCP: messages, who is there, PING.
 *
 * What is asked is numbered, one question at a time, and an answer counts if it
 * has that number; late ones to questions that were given up are dropped.
 * Messages that come while something else is waited for are kept, up to a
 * bound; then nothing is read from this connection until they are taken, so
 * that the daemon, and who sends them, can tell.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/client_parts.h"
#include "shm/clock.h"
#include "shm/name.h"

#define ANSWER_MS 5000
#define FULL_NS	  ((uint64_t)(10 * BC_NS_PER_MS)) /* until asked again */

/* ---- What comes -------------------------------------------------------- */

/* Whoever relays it vouches for the id; we see to it that it is one. */
static int on_message(struct bcast_client *client,
		      const struct bc_client_record *record)
{
	size_t key = record->header.key_length;
	size_t size = record->header.length - key;
	struct bc_client_letter *letter;

	if (key == 0 || key > BCAST_NODE_ID_MAX)
		return -EPROTO;
	letter = aligned_alloc(64, (sizeof(*letter) + size + 63) / 64 * 64);
	if (!letter)
		return -ENOMEM;
	letter->next = NULL;
	letter->size = sizeof(*letter) + size;
	letter->message = (struct bcast_message){
		.type = record->header.source,
		.size = size,
		.data = letter->bytes,
	};
	memcpy(letter->message.from, record->payload, key);
	if (!bc_name_id_valid(letter->message.from)) {
		free(letter);
		return -EPROTO;
	}
	if (size > 0)
		memcpy(letter->bytes, record->payload + key, size);
	*client->letters_end = letter;
	client->letters_end = &letter->next;
	client->letter_bytes += letter->size;
	return 0;
}

static bool is_answer(const struct bcast_client *client, uint64_t sequence)
{
	return sequence == client->question.sequence &&
	       !client->question.answered;
}

static void answered(struct bcast_client *client, int32_t result)
{
	client->question.answered = true;
	client->question.result = result;
	client->question.answered_ns = bc_client_now();
}

static int on_result(struct bcast_client *client,
		     const struct bc_client_record *record)
{
	struct bcast_result result;

	if (record->header.length < sizeof(result))
		return -EPROTO;
	memcpy(&result, record->payload, sizeof(result));
	if (is_answer(client, result.sequence))
		answered(client, result.result);
	return 0;
}

static void on_entry(struct bc_client_question *question,
		     const unsigned char *bytes)
{
	struct bcast_node_entry *entry;

	if (question->count++ >= question->max)
		return;
	entry = &question->entries[question->count - 1];
	memcpy(entry, bytes, sizeof(*entry));
	entry->id[sizeof(entry->id) - 1] = '\0';
}

static int on_nodes(struct bcast_client *client,
		    const struct bc_client_record *record)
{
	struct bc_client_question *question = &client->question;
	size_t count = record->header.length / sizeof(struct bcast_node_entry);

	if (record->header.length % sizeof(struct bcast_node_entry) != 0)
		return -EPROTO;
	if (!is_answer(client, record->header.sequence))
		return 0;
	for (size_t i = 0; i < count; i++)
		on_entry(question,
			 record->payload + i * sizeof(struct bcast_node_entry));
	if (count == 0)
		answered(client, question->count);
	return 0;
}

int bc_client_tcp_hear(struct bcast_client *client,
		       const struct bc_client_record *record)
{
	switch (record->header.type) {
	case BCAST_PACKET_MESSAGE:
		return on_message(client, record);
	case BCAST_PACKET_RESULT:
		return on_result(client, record);
	case BCAST_PACKET_NODES:
		return on_nodes(client, record);
	case BCAST_PACKET_PONG:
		if (is_answer(client, record->header.sequence))
			answered(client, 0);
		return 0;
	}
	return 0;
}

bool bc_client_tcp_is_full(const struct bcast_client *client)
{
	return client->letter_bytes >= BC_CLIENT_MESSAGES_MAX;
}

void bc_client_tcp_forget_letters(struct bcast_client *client)
{
	while (client->letters) {
		struct bc_client_letter *letter = client->letters;

		client->letters = letter->next;
		free(letter);
	}
	free(client->read_letter);
	client->read_letter = NULL;
	client->letters_end = &client->letters;
	client->letter_bytes = 0;
}

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

static bool take_letter(struct bcast_client *client,
			struct bcast_message *message)
{
	struct bc_client_letter *letter = client->letters;

	if (!letter)
		return false;
	free(client->read_letter);
	client->read_letter = letter;
	client->letters = letter->next;
	if (!client->letters)
		client->letters_end = &client->letters;
	client->letter_bytes -= letter->size;
	*message = letter->message;
	return true;
}

int bc_client_tcp_recv(struct bcast_client *client,
		       struct bcast_message *message, uint64_t deadline_ns)
{
	int ret = 0;

	for (;;) {
		if (take_letter(client, message))
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
			answered(client, 0);
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
