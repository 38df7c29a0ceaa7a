/* SPDX-License-Identifier: MIT */
/*
 * message.h - messages between nodes.
 *
 * Each node has an inbox in the registry, `bcastd --inbox-size` bytes large,
 * into which any other node puts messages and from which it alone takes them.
 * Messages never go through the stream's ring: the stream stays what its
 * writer made it, and no daemon has to run for a message to arrive.
 *
 * The echo node in bcast.h shows all that most programs need: bcast_send() and
 * bcast_dispatch().
 *
 * ORDER. The messages of one sender arrive in the order in which its calls
 * returned, none twice. Between senders there is no order.
 *
 * LOSS. A call that returned 0 has put the whole message into the inbox of a
 * node that was alive some 10 ms before. It is lost only if that node leaves or
 * dies before it takes it out, or if a faulty process writes over the inbox; a
 * later node of the same id does not get it. A call that failed has put nothing
 * there.
 *
 * DEATH. A sender that dies in bcast_send(), at whatever instruction, has sent
 * all of the message or nothing, and hinders nobody. One that is stopped there
 * (SIGSTOP, a debugger) hinders other senders to that inbox, since nothing can
 * keep it from writing once it goes on: they wait for a bounded time, and are
 * then told who it is.
 *
 * TRUST. Every message carries a crc32c, which the receiver checks, with all
 * lengths, on a copy of its own. A message that has been written over is
 * dropped, counted and reported (BCAST_EPROTO); if nobody can tell any more
 * where the next one begins, all that wait there are. Those sent later arrive.
 * Whom a message is from is what its sender says: who may join can pretend to
 * be others, or make senders believe that somebody holds an inbox (-EBUSY).
 *
 * THREADS. One thread at a time may send as a node, and one, perhaps another,
 * receive. fork(): see FORK in node.h.
 */
#ifndef BCAST_MESSAGE_H
#define BCAST_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <bcast/base.h>
#include <bcast/node.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * bcast_message_limit - the longest message in bytes: the inbox, which holds
 * one such message at a time, less 96 bytes for what belongs to it. 1048480
 * with the default size.
 */
BCAST_API size_t bcast_message_limit(const struct bcast_node *node);

/*
 * bcast_send - put a message into the inbox of the node `to_id`.
 *
 * type		the caller's to use, any number
 * data		size bytes, copied; may be NULL with size 0
 * timeout_ms	how long to wait for room: 0 not at all, -1 for as long as the
 *		addressee lives
 *
 * Returns 0, or
 *	BCAST_EFULL	no room in the inbox in that time
 *	-ENOENT		no living node has that id, or it went while we waited
 *	-EMSGSIZE	larger than bcast_message_limit()
 *	-EBUSY		another sender has stopped in the middle of writing to
 *			that inbox; bcast_holder() says who. Waited for at
 *			least 20 ms, at most a second; or others were faster
 *			for 4 s
 *	BCAST_EPROTO	a faulty process has written over that inbox, and its
 *			owner has not repaired it yet; or over this node's slot
 *			(then bcast_node_beat() says so too)
 *	BCAST_ECLOSED, BCAST_ETOOSMALL	as for bcast_node_beat()
 *	BCAST_ENAME	not a node id
 *	-EINVAL, -ENOMEM, -ECHILD
 *
 * A sign of life. No system call if the addressee was sent to within the last
 * 10 ms and is not asleep. The inbox of each addressee stays mapped until
 * bcast_leave(). A node may send to itself.
 */
BCAST_API int bcast_send(struct bcast_node *node, const char *to_id,
			 uint16_t type, const void *data, size_t size,
			 int timeout_ms);

/* Who was in the way, when the last -EBUSY was returned. */
struct bcast_holder {
	char id[BCAST_NODE_ID_MAX + 1]; /* "": it has gone since */
	uint32_t pid;			/* in its own pid namespace */
	uint32_t state;			/* enum bcast_node_state, or 0 */
};
BCAST_API struct bcast_holder bcast_holder(const struct bcast_node *node);

/* To how many nodes a broadcast came, and why not to others. */
struct bcast_delivery {
	uint32_t reached;
	uint32_t full;	  /* no room in the time given */
	uint32_t held;	  /* another sender has stopped there: -EBUSY */
	uint32_t damaged; /* BCAST_EPROTO */
};

/*
 * bcast_broadcast - put a message into the inbox of every other living node,
 * with or without a use for it. Those who have room get it at once; then the
 * others are waited for, one after the other, timeout_ms for all together.
 *
 * delivery	NULL, or filled, also when the result is an error after some
 *		were reached; zero if it is one of the arguments
 *
 * Returns how many got it, or an error that is not about one of them:
 * -EMSGSIZE, BCAST_EPROTO (this node's slot), BCAST_ECLOSED, BCAST_ETOOSMALL,
 * -EINVAL, -ENOMEM, -ECHILD.
 */
BCAST_API int bcast_broadcast(struct bcast_node *node, uint16_t type,
			      const void *data, size_t size, int timeout_ms,
			      struct bcast_delivery *delivery);

struct bcast_message {
	char from[BCAST_NODE_ID_MAX + 1]; /* the sender's id; never empty */
	uint32_t from_slot;		  /* the slot that it had */
	uint16_t type;
	uint16_t reserved_zero;
	size_t size;
	const void *data;  /* aligned to 64 bytes; until the next call */
	uint64_t sequence; /* grows with each message of that sender, to
			      whomever, also with those that failed */
	uint64_t sent_ns;  /* CLOCK_MONOTONIC */
};

/*
 * bcast_recv - take the next message out of the node's inbox.
 *
 * message	filled with result 1. Its data belongs to the node and stays
 *		as it is until the next bcast_recv(), bcast_dispatch() or
 *		bcast_leave().
 * timeout_ms	-1: no limit; 0: only look; else milliseconds
 *
 * Returns
 *	1		a message
 *	0		none in that time
 *	BCAST_EPROTO	something damaged was found and dropped, and the next
 *			call goes on behind it; or, if bcast_node_beat() says so
 *			too, this node's slot is damaged: leave, and join again
 *	BCAST_ECLOSED, BCAST_ETOOSMALL	as for bcast_node_beat(), after all
 *			messages that are there
 *	-EBUSY		called by a handler of bcast_dispatch()
 *	-ENOMEM		no room for the copy; -ECHILD
 *
 * A sign of life, however long it waits. Polls for some 50 us if more than one
 * core is usable, then sleeps.
 */
BCAST_API int bcast_recv(struct bcast_node *node, struct bcast_message *message,
			 int timeout_ms);

/* Returns 0 to go on, > 0 to stop after this message, < 0 to stop with that. */
typedef int bcast_handler(void *context, const struct bcast_message *message);

/*
 * bcast_dispatch - wait for a message as bcast_recv() does, then call the
 * handler for it and for those that are there behind it, at most `max` (> 0).
 *
 * Returns how many were handled, 0 when the time is up, what the handler
 * returned if that was negative, -EINVAL, or as bcast_recv(). The handler may
 * use all functions but bcast_recv(), bcast_dispatch() (both: -EBUSY) and
 * bcast_leave() of this node; message and data are valid until it returns.
 */
BCAST_API int bcast_dispatch(struct bcast_node *node, bcast_handler *handler,
			     void *context, int max, int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
