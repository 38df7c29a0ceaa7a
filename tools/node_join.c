/* SPDX-License-Identifier: MIT */
/*
 * node_join.c - be a node: hold an id, and with --read the place of a reader,
 * until told to end. It says "joined" once others can see it.
 */
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "node.h"

#define BEAT_MS 200

/* Take all that is there, and wait for more. 0, or what ended the stream. */
static int read_on(struct bcast_reader *reader, int timeout_ms)
{
	const void *data;
	int ret = bcast_wait(reader, timeout_ms);
	int64_t n;

	if (ret == 0 || ret == BCAST_ELAPPED)
		return 0; /* a loss stands in the slot */
	if (ret < 0)
		return ret;
	n = bcast_peek(reader, &data);
	if (n > 0)
		n = bcast_consume(reader, (size_t)n);
	return n == BCAST_ELAPPED || n >= 0 ? 0 : (int)n;
}

static void rest(int timeout_ms)
{
	const struct timespec pause = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L,
	};

	(void)nanosleep(&pause, NULL);
}

static int stay(const struct node_wish *wish, struct bcast_node *node,
		struct bcast_reader *reader)
{
	int64_t end_ms = wish->timeout_ms < 0
				 ? INT64_MAX
				 : node_now_ms() + wish->timeout_ms;
	int ret = 0;

	while (ret == 0 && !*wish->interrupted) {
		int64_t left_ms = end_ms - node_now_ms();
		int slice_ms = left_ms < BEAT_MS ? (int)left_ms : BEAT_MS;

		if (left_ms <= 0)
			return EX_OK;
		if (reader)
			ret = read_on(reader, slice_ms);
		else
			rest(slice_ms);
		if (ret == 0)
			ret = bcast_node_beat(node);
	}
	/* the end of what was read is no failure */
	if (ret == 0 || (reader && ret == BCAST_ECLOSED))
		return EX_OK;
	fprintf(stderr, NODE_PROGRAM ": %s\n", bcast_strerror(ret));
	return ret == BCAST_EPROTO ? EX_PROTOCOL : EX_UNAVAILABLE;
}

int node_join(const struct node_wish *wish)
{
	struct bcast_join_options how = BCAST_JOIN_DEFAULTS;
	struct bcast_refusal refusal;
	struct bcast_reader *reader = NULL;
	struct bcast_node *node;
	int ret;

	how.stuck_after_ms = (uint32_t)wish->stuck_after_ms;
	how.refusal = &refusal;
	ret = bcast_join(wish->name, wish->operand, &how, &node);
	if (ret < 0)
		return node_refused(wish, wish->operand, ret, &refusal);
	if (wish->read) {
		struct bcast_attach_options reading = BCAST_ATTACH_DEFAULTS;

		reading.flags = BCAST_MEASURE_LATENCY;
		reading.spin_ns = 0;
		ret = bcast_node_reader(node, &reading, &reader);
		if (ret < 0) {
			bcast_leave(node);
			return node_error(wish, ret, true);
		}
	}
	printf("joined\n");
	(void)fflush(stdout); /* errors show when the stream is closed */
	ret = stay(wish, node, reader);
	bcast_detach(reader);
	bcast_leave(node);
	return ret;
}
