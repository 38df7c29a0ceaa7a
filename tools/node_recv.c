/* SPDX-License-Identifier: MIT */
/*
 * node_recv.c - be a node, and print the messages that it is sent.
 *
 * As lines, for people and for programs that read lines: a line a message, so
 * whatever could end or fake one is shown as \xNN. Raw, the bytes and nothing
 * else.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "json_value.h"
#include "node.h"

#define SLICE_MS 200 /* between two looks for a signal */

static void print_text(const struct bcast_message *message)
{
	const unsigned char *bytes = message->data;

	printf("%s %u ", message->from, message->type);
	for (size_t i = 0; i < message->size; i++) {
		if (bytes[i] == '\\')
			(void)fputs("\\\\", stdout);
		else if (bytes[i] < ' ' || bytes[i] == 0x7f)
			printf("\\x%02x", bytes[i]);
		else
			(void)putchar(bytes[i]);
	}
	(void)putchar('\n');
}

/* How many bytes follow in a character that begins so; -1: none does. */
static int followers(unsigned char first)
{
	if (first < 0x80)
		return 0;
	if (first >= 0xc2 && first < 0xe0)
		return 1;
	if (first >= 0xe0 && first < 0xf0)
		return 2;
	return first >= 0xf0 && first < 0xf5 ? 3 : -1;
}

/* Overlong forms and surrogates of three or four bytes are let through. */
static bool is_utf8(const unsigned char *bytes, size_t size)
{
	size_t i = 0;

	while (i < size) {
		int more = followers(bytes[i++]);

		if (more < 0 || (size_t)more > size - i)
			return false;
		for (; more > 0; more--)
			if ((bytes[i++] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static int print_json(const struct bcast_message *message)
{
	struct json_object *object = json_object_new_object();

	json_value_add(object, "from", json_value_TEXT(message->from));
	json_value_add(object, "type", json_value_NUMBER(message->type));
	json_value_add(object, "size", json_value_NUMBER(message->size));
	json_value_add(object, "sequence",
		       json_value_NUMBER(message->sequence));
	json_value_add(object, "sent_ns", json_value_NUMBER(message->sent_ns));
	if (is_utf8(message->data, message->size))
		json_value_add(object, "text",
			       json_object_new_string_len(message->data,
							  (int)message->size));
	else
		json_value_add(object, "hex",
			       json_value_bytes(message->data, message->size));
	return json_value_print(object, true);
}

static int print(const struct node_wish *wish,
		 const struct bcast_message *message)
{
	int ret = 0;

	if (wish->json)
		ret = print_json(message);
	else if (wish->raw)
		(void)fwrite(message->data, 1, message->size, stdout);
	else
		print_text(message);
	(void)fflush(stdout); /* errors end it */
	return ret;
}

/* Whether a node can go on after BCAST_EPROTO; says what was lost. */
static int lost_one(struct bcast_node *node, uint64_t *damaged)
{
	int ret = bcast_node_beat(node);

	if (ret < 0)
		return ret;
	(*damaged)++;
	fprintf(stderr, NODE_PROGRAM
		": a damaged message was dropped: a faulty process has "
		"written over the inbox\n");
	return 0;
}

/* 0, or what ended it. */
static int receive(const struct node_wish *wish, struct bcast_node *node,
		   uint64_t *damaged)
{
	int64_t end_ms = wish->timeout_ms < 0
				 ? INT64_MAX
				 : node_now_ms() + wish->timeout_ms;
	uint64_t count = 0;
	int ret = 0;

	while (ret >= 0 && !*wish->interrupted && !ferror(stdout)) {
		int64_t left_ms = end_ms - node_now_ms();
		struct bcast_message message;

		if (left_ms < 0)
			left_ms = 0;
		ret = bcast_recv(node, &message,
				 left_ms < SLICE_MS ? (int)left_ms : SLICE_MS);
		if (ret == 0 && left_ms == 0)
			return 0;
		if (ret == BCAST_EPROTO)
			ret = lost_one(node, damaged);
		else if (ret == 1)
			ret = print(wish, &message);
		else
			continue;
		if (++count == wish->count)
			return ret;
	}
	return ret;
}

int node_recv(const struct node_wish *wish)
{
	struct bcast_join_options how = BCAST_JOIN_DEFAULTS;
	struct bcast_refusal refusal;
	struct bcast_node *node;
	uint64_t damaged = 0;
	int ret;

	how.stuck_after_ms = (uint32_t)wish->stuck_after_ms;
	how.refusal = &refusal;
	ret = bcast_join(wish->name, wish->operand, &how, &node);
	if (ret < 0)
		return node_refused(wish, wish->operand, ret, &refusal);
	ret = receive(wish, node, &damaged);
	bcast_leave(node);
	if (ret < 0)
		return node_error(wish, ret, true);
	return damaged > 0 ? EX_PROTOCOL : EX_OK;
}
