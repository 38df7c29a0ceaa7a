/* SPDX-License-Identifier: MIT */
/*
 * node_send.c - send messages: a text, standard input as a whole, or a message
 * a line. It stops at the first that cannot be sent, and says which it was.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "node.h"

#define SLICE_MS	     200  /* between two looks for a signal */
#define BROADCAST_TIMEOUT_MS 1000 /* unless --timeout says otherwise */

struct sending {
	const struct node_wish *wish;
	struct bcast_node *node;
	char *buffer;	 /* limit + 1 bytes */
	size_t limit;	 /* of a message */
	uint64_t number; /* of the message, from 1 */
};

/* ---- Say why not ------------------------------------------------------- */

static int too_long(const struct sending *sending)
{
	fprintf(stderr,
		NODE_PROGRAM ": message %" PRIu64 " is longer than an inbox "
			     "takes (%zu bytes): start bcastd with a larger "
			     "--inbox-size\n",
		sending->number, sending->limit);
	return EX_DATAERR;
}

static int held(const struct sending *sending)
{
	const struct bcast_holder holder = bcast_holder(sending->node);

	fprintf(stderr,
		NODE_PROGRAM ": message %" PRIu64 ": node '%s' (process "
			     "%" PRIu32 ") has stopped while sending to the "
			     "same inbox: let it go on, or end it\n",
		sending->number, holder.id, holder.pid);
	return EX_TEMPFAIL;
}

static int not_sent(const struct sending *sending, int result)
{
	const struct node_wish *wish = sending->wish;

	switch (result) {
	case -ENOENT:
		fprintf(stderr,
			NODE_PROGRAM ": message %" PRIu64 ": no living node "
				     "'%s': see " NODE_PROGRAM " %s list\n",
			sending->number, wish->operand, wish->name);
		return EX_UNAVAILABLE;
	case BCAST_EFULL:
		fprintf(stderr,
			NODE_PROGRAM ": message %" PRIu64 ": the inbox of '%s' "
				     "is full: does it still read? A larger "
				     "--timeout waits longer\n",
			sending->number, wish->operand);
		return EX_TEMPFAIL;
	case -EBUSY:
		return held(sending);
	case BCAST_EPROTO:
		fprintf(stderr,
			NODE_PROGRAM ": message %" PRIu64 ": a faulty process "
				     "has written over the inbox: it is in "
				     "order again when its node has looked "
				     "into it\n",
			sending->number);
		return EX_PROTOCOL;
	case BCAST_ENAME:
		fprintf(stderr, NODE_PROGRAM ": '%s' is %s\n", wish->operand,
			bcast_strerror(result));
		return EX_USAGE;
	default:
		return node_error(wish, result, true);
	}
}

/* ---- Send -------------------------------------------------------------- */

static int broadcast(const struct sending *sending, const char *data,
		     size_t size)
{
	const struct node_wish *wish = sending->wish;
	struct bcast_delivery delivery;
	int ret = bcast_broadcast(sending->node, wish->type, data, size,
				  wish->timeout_ms < 0 ? BROADCAST_TIMEOUT_MS
						       : wish->timeout_ms,
				  &delivery);

	if (ret < 0)
		return not_sent(sending, ret);
	if (delivery.full + delivery.held + delivery.damaged == 0)
		return EX_OK;
	fprintf(stderr,
		NODE_PROGRAM ": message %" PRIu64 " reached %" PRIu32 " nodes, "
			     "but not those with a full inbox (%" PRIu32
			     "), one where another sender has stopped (%" PRIu32
			     ") or a damaged one (%" PRIu32 ")\n",
		sending->number, delivery.reached, delivery.full, delivery.held,
		delivery.damaged);
	return EX_TEMPFAIL;
}

static int send_to_one(const struct sending *sending, const char *data,
		       size_t size)
{
	const struct node_wish *wish = sending->wish;
	int64_t end_ms = wish->timeout_ms < 0
				 ? INT64_MAX
				 : node_now_ms() + wish->timeout_ms;

	for (;;) {
		int64_t left_ms = end_ms - node_now_ms();
		int slice_ms = left_ms < SLICE_MS ? (int)left_ms : SLICE_MS;
		int ret = bcast_send(sending->node, wish->operand, wish->type,
				     data, size, slice_ms < 0 ? 0 : slice_ms);

		if (ret == 0 || *wish->interrupted)
			return EX_OK;
		if (ret != BCAST_EFULL || left_ms <= SLICE_MS)
			return not_sent(sending, ret);
	}
}

static int send_one(struct sending *sending, const char *data, size_t size)
{
	sending->number++;
	if (size > sending->limit)
		return too_long(sending);
	return sending->wish->operand ? send_to_one(sending, data, size)
				      : broadcast(sending, data, size);
}

/*
 * The next line without its end, or all of the rest; at most the limit and one
 * byte. False at the end.
 */
static bool get_next(struct sending *sending, size_t *size)
{
	const struct node_wish *wish = sending->wish;
	size_t got = 0;
	int c = EOF;

	while (got <= sending->limit && (c = getchar()) != EOF) {
		if (c == '\n' && !wish->whole)
			break;
		sending->buffer[got++] = (char)c;
	}
	*size = got;
	return !*wish->interrupted && (got > 0 || c != EOF);
}

static int send_input(struct sending *sending)
{
	int code = EX_OK;
	size_t size;

	if (sending->wish->whole) {
		/* nothing is a message too, but half of one is not */
		(void)get_next(sending, &size);
		if (ferror(stdin) || *sending->wish->interrupted)
			return EX_OK;
		return send_one(sending, sending->buffer, size);
	}
	while (code == EX_OK && get_next(sending, &size))
		code = send_one(sending, sending->buffer, size);
	return code;
}

static int send_all(struct sending *sending)
{
	const char *text = sending->wish->text;
	int code;

	sending->limit = bcast_message_limit(sending->node);
	if (text)
		return send_one(sending, text, strlen(text));
	sending->buffer = malloc(sending->limit + 1);
	if (!sending->buffer)
		return node_error(sending->wish, -ENOMEM, true);
	code = send_input(sending);
	free(sending->buffer);
	if (code == EX_OK && ferror(stdin) && !*sending->wish->interrupted) {
		fprintf(stderr, NODE_PROGRAM ": cannot read: %s\n",
			strerror(errno));
		return EX_IOERR;
	}
	return code;
}

int node_send(const struct node_wish *wish)
{
	struct bcast_join_options how = BCAST_JOIN_DEFAULTS;
	struct sending sending = {.wish = wish};
	struct bcast_refusal refusal;
	char made_up[sizeof(NODE_PROGRAM) + 16];
	const char *id = wish->from ? wish->from : made_up;
	int code, ret;

	(void)snprintf(made_up, sizeof(made_up), NODE_PROGRAM ".%d",
		       (int)getpid());
	how.stuck_after_ms = 0; /* it may wait for its input for ever */
	how.refusal = &refusal;
	ret = bcast_join(wish->name, id, &how, &sending.node);
	if (ret < 0)
		return node_refused(wish, id, ret, &refusal);
	code = send_all(&sending);
	bcast_leave(sending.node);
	return code;
}
