/* SPDX-License-Identifier: MIT */
/*
 * node_join.c - be a node: hold an id, and with --read the place of a reader,
 * until told to end. It says "joined" once others can see it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "node.h"

#define BEAT_MS 200

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int refused(const struct node_wish *wish, int result,
		   const struct bcast_refusal *refusal)
{
	if (result == -EEXIST && refusal->holder_pid != 0) {
		fprintf(stderr,
			NODE_PROGRAM ": id '%s' is in use by process %" PRIu32
				     " (%s): choose another\n",
			wish->id, refusal->holder_pid,
			bcast_node_state_name(refusal->holder_state));
		return EX_UNAVAILABLE;
	}
	if (result == -EEXIST) {
		fprintf(stderr,
			NODE_PROGRAM ": id '%s' is in use: choose another\n",
			wish->id);
		return EX_UNAVAILABLE;
	}
	if (result == BCAST_EFULL) {
		fprintf(stderr,
			NODE_PROGRAM ": all %" PRIu32 " places are taken: "
				     "start bcastd with a larger --nodes\n",
			refusal->node_limit);
		return EX_TEMPFAIL;
	}
	if (result == BCAST_ENAME) {
		fprintf(stderr, NODE_PROGRAM ": '%s' or '%s' is %s\n",
			wish->name, wish->id, bcast_strerror(result));
		return EX_USAGE;
	}
	return node_error(wish, result, true);
}

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
	int64_t end_ms =
		wish->timeout_ms < 0 ? INT64_MAX : now_ms() + wish->timeout_ms;
	int ret = 0;

	while (ret == 0 && !*wish->interrupted) {
		int64_t left_ms = end_ms - now_ms();
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
	ret = bcast_join(wish->name, wish->id, &how, &node);
	if (ret < 0)
		return refused(wish, ret, &refusal);
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
