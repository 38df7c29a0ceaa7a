/* SPDX-License-Identifier: MIT */
/*
 * client_node.h - what node.h's node is made of. client_node.c joins and
 * leaves, client_send.c and client_message.c send and receive.
 */
#ifndef BC_CLIENT_NODE_H
#define BC_CLIENT_NODE_H

#include <stdbool.h>

#include <bcast/bcast.h>

#include "shm/client_reader.h"
#include "shm/inbox.h"
#include "shm/node.h"

#define BC_ADDRESSES 64u /* ids whose slot is remembered */

/* An addressee's slot: valid while its claim is this. */
struct bc_peer_box {
	struct bc_inbox inbox; /* mapped at the first send */
	uint64_t known_head;   /* see struct bc_inbox_addressee */
	uint64_t claim;	       /* of the one who was found alive last */
	uint64_t asked_ns;     /* and when */
};

struct bc_address {
	char id[BC_NAME];
	uint32_t slot;
	uint64_t claim;
};

/* Used by the sending thread only. */
struct bc_outgoing {
	struct bc_inbox_letter letter; /* id and slot are filled in */
	struct bc_peer_box *boxes;     /* by slot */
	uint64_t *pending;	       /* by slot, for bcast_broadcast() */
	struct bc_address addresses[BC_ADDRESSES];
	uint64_t delivered;
	struct bcast_holder holder;
};

/* Used by the receiving thread only. */
struct bc_incoming {
	unsigned char *buffer; /* NULL until the first message */
	uint64_t received;
	uint64_t next_check_ns;
	uint64_t spin_ns;
	int owed; /* result for the next call; 0: none */
	bool dispatching;
};

struct bcast_node {
	struct bc_node_table table;
	struct bc_node node;
	struct bc_node_report report;
	struct bcast_publisher *publisher; /* NULL: none */
	char name[BC_NAME];		   /* of the stream */
	struct bc_outgoing out;
	struct bc_incoming in;
};

/* bc_client_send_init, bc_client_message_init - after joining. 0 or -ENOMEM. */
int bc_client_send_init(struct bcast_node *node, const char *node_id);
void bc_client_message_init(struct bcast_node *node);

/*
 * bc_client_send_share - use these boxes, one a slot, together with other nodes
 * of this thread, instead of an own set: a mapping of each addressee's inbox
 * then does for all of them. They are not freed with the node; undo it with
 * NULL before it leaves. See bc_client_boxes_free().
 */
void bc_client_send_share(struct bcast_node *node, struct bc_peer_box *boxes);

/* bc_client_boxes_free - unmap and free `count` boxes. NULL is allowed. */
void bc_client_boxes_free(struct bc_peer_box *boxes, uint32_t count);

/*
 * bc_client_send_now, bc_client_broadcast_now - as bcast_send() and
 * bcast_broadcast() with no time at all, for an event loop: when another sender
 * is in the way the answer is -EBUSY after some 0.1 ms, even if it only copies
 * a long message.
 */
int bc_client_send_now(struct bcast_node *node, const char *to_id,
		       uint16_t type, const void *data, size_t size);
int bc_client_broadcast_now(struct bcast_node *node, uint16_t type,
			    const void *data, size_t size);

/*
 * bc_client_slot_of - where the node sent to under this id was last; UINT32_MAX
 * if that is not remembered. It may have gone since.
 */
uint32_t bc_client_slot_of(const struct bcast_node *node, const char *id);

/* Free what they have made. Zeroed is fine. */
void bc_client_send_fini(struct bcast_node *node);
void bc_client_message_fini(struct bcast_node *node);

#endif
