/* SPDX-License-Identifier: MIT */
/*
 * boxes.h - for the tests of inboxes: a few nodes of this process, below the
 * public API. All use the receiver's own mapping of its inbox, so that a
 * sanitizer of threads sees one memory.
 */
#ifndef TESTS_BOXES_H
#define TESTS_BOXES_H

#include "nodes.h"

#include "shm/inbox.h"
#include "shm/node.h"

#define BOXES_MAX 8

struct boxes {
	struct test_nodes nodes;
	uint32_t count;
	struct bc_node_table tables[BOXES_MAX];
	struct bc_node members[BOXES_MAX]; /* ids "m0", "m1", ... */
	unsigned char buffer[BC_PAGE];	   /* what the receiver takes into */
	uint64_t known_heads[BOXES_MAX];   /* by sender */
	uint64_t holder;		   /* of the last -EBUSY */
};

/* boxes_open - `count` nodes, room for one more, inboxes of a page. */
void boxes_open(struct boxes *boxes, uint32_t count);
void boxes_close(struct boxes *boxes);

/* boxes_join, boxes_leave - member `which` comes, or goes. */
void boxes_join(struct boxes *boxes, uint32_t which);
void boxes_leave(struct boxes *boxes, uint32_t which);

/* boxes_letter - a sealed letter of member `from`; type is its sequence. */
struct bc_inbox_letter boxes_letter(const struct boxes *boxes, uint32_t from,
				    uint64_t sequence, const void *data,
				    size_t size);

/* boxes_put - put it into the inbox of member 0. Waits for 20 ms. */
int boxes_put(struct boxes *boxes, uint32_t from,
	      const struct bc_inbox_letter *letter);

/* boxes_send - the two together. */
int boxes_send(struct boxes *boxes, uint32_t from, uint64_t sequence,
	       const void *data, size_t size);

/* boxes_take - the next message of member 0. */
int boxes_take(struct boxes *boxes, struct bc_inbox_letter *letter);

/* boxes_shm - the page of member 0's inbox. */
struct bc_inbox_shm *boxes_shm(struct boxes *boxes);

#endif
