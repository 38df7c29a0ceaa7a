/* SPDX-License-Identifier: MIT */
/*
 * client_mail.c - what comes for a node: messages, and answers.
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
#include "shm/name.h"

/* ---- Messages ---------------------------------------------------------- */

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

bool bc_client_mail_is_full(const struct bcast_client *client)
{
	return client->letter_bytes >= BC_CLIENT_MESSAGES_MAX;
}

bool bc_client_mail_take(struct bcast_client *client,
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

void bc_client_mail_forget(struct bcast_client *client)
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

/* ---- Answers ----------------------------------------------------------- */

static bool is_answer(const struct bcast_client *client, uint64_t sequence)
{
	return sequence == client->question.sequence &&
	       !client->question.answered;
}

void bc_client_mail_answered(struct bcast_client *client, int32_t result)
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
		bc_client_mail_answered(client, result.result);
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
		bc_client_mail_answered(client, question->count);
	return 0;
}

int bc_client_mail_hear(struct bcast_client *client,
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
			bc_client_mail_answered(client, 0);
		return 0;
	}
	return 0;
}
