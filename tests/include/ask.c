/* SPDX-License-Identifier: MIT */
/*
 * ask.c STREAM ID - send messages to a node that sends back what it is sent,
 * and compare. Exit status 0 if all came back as they were.
 *
 * bcast-node cannot do this: its sender is gone before the answer comes.
 */
#include <bcast/bcast.h>
#include <stdio.h>
#include <string.h>

#define QUESTIONS  100
#define TIMEOUT_MS 20000

static int ask(struct bcast_node *node, const char *id, int number)
{
	struct bcast_message message;
	char text[64];
	int size = snprintf(text, sizeof(text), "question %d", number);
	int ret = bcast_send(node, id, (uint16_t)number, text, (size_t)size,
			     TIMEOUT_MS);

	if (ret < 0)
		return ret;
	ret = bcast_recv(node, &message, TIMEOUT_MS);
	if (ret < 0)
		return ret;
	if (ret == 0)
		return BCAST_EABANDONED;
	if (strcmp(message.from, id) != 0 || message.type != number ||
	    message.size != (size_t)size ||
	    memcmp(message.data, text, message.size) != 0)
		return BCAST_EPROTO;
	return 0;
}

int main(int argc, char *argv[])
{
	struct bcast_node *node;
	int ret;

	if (argc != 3)
		return 64;
	ret = bcast_join(argv[1], "ask", NULL, &node);
	if (ret < 0) {
		(void)fprintf(stderr, "ask: %s\n", bcast_strerror(ret));
		return 1;
	}
	for (int i = 0; i < QUESTIONS && ret == 0; i++)
		ret = ask(node, argv[2], i);
	bcast_leave(node);
	if (ret < 0)
		(void)fprintf(stderr, "ask: %s\n", bcast_strerror(ret));
	return ret < 0;
}
