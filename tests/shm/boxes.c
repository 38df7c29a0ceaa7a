/* SPDX-License-Identifier: MIT */
/* boxes.c - see boxes.h. */
#include "boxes.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE_NS 20000000

void boxes_join(struct boxes *boxes, uint32_t which)
{
	char id[8];
	const struct bc_node_identity identity = {.id = id};

	snprintf(id, sizeof(id), "m%u", which);
	test_nodes_attach(&boxes->nodes, &boxes->tables[which]);
	assert_int_equal(bc_node_join(&boxes->members[which],
				      &boxes->tables[which], &identity),
			 0);
}

void boxes_leave(struct boxes *boxes, uint32_t which)
{
	bc_node_leave(&boxes->members[which]);
	bc_node_table_detach(&boxes->tables[which]);
}

void boxes_open(struct boxes *boxes, uint32_t count)
{
	memset(boxes, 0, sizeof(*boxes));
	boxes->count = count;
	test_nodes_open(&boxes->nodes, count + 1);
	for (uint32_t i = 0; i < count; i++)
		boxes_join(boxes, i);
}

void boxes_close(struct boxes *boxes)
{
	for (uint32_t i = 0; i < boxes->count; i++)
		boxes_leave(boxes, i);
	test_nodes_close(&boxes->nodes);
}

struct bc_inbox_letter boxes_letter(const struct boxes *boxes, uint32_t from,
				    uint64_t sequence, const void *data,
				    size_t size)
{
	struct bc_inbox_letter letter = {
		.header.sequence = sequence,
		.header.type = (uint16_t)sequence,
		.header.from_slot = boxes->members[from].index,
	};

	snprintf(letter.id, sizeof(letter.id), "m%u", from);
	bc_inbox_seal(&letter, data, size);
	return letter;
}

int boxes_put(struct boxes *boxes, uint32_t from,
	      const struct bc_inbox_letter *letter)
{
	const struct bc_node *reader = &boxes->members[0];
	const struct bc_inbox_addressee to = {
		&reader->slot->claim, reader->claim, &boxes->known_heads[from]};
	uint64_t holder = 0;
	int ret = bc_inbox_put(&reader->inbox.inbox, &boxes->members[from], &to,
			       letter, PATIENCE_NS, &holder);

	if (holder != 0)
		boxes->holder = holder;
	return ret;
}

int boxes_send(struct boxes *boxes, uint32_t from, uint64_t sequence,
	       const void *data, size_t size)
{
	const struct bc_inbox_letter letter =
		boxes_letter(boxes, from, sequence, data, size);

	return boxes_put(boxes, from, &letter);
}

int boxes_take(struct boxes *boxes, struct bc_inbox_letter *letter)
{
	return bc_inbox_take(&boxes->members[0].inbox, letter, boxes->buffer);
}

struct bc_inbox_shm *boxes_shm(struct boxes *boxes)
{
	return boxes->members[0].inbox.inbox.shm;
}
