/* SPDX-License-Identifier: MIT */
/* packet_stage.c - see packet_stage.h. */
#include "packet_stage.h"

#include "shm/record_index.h"

struct packet_stage stage;

int stage_open(void **state)
{
	(void)state;
	test_nodes_open_packets(&stage.nodes, 2);
	stage.ring = stage.nodes.stream.segment.ring;
	stage.head = stage.ring.head;
	bc_record_set_rule(&stage.ring, BC_RULE_HEADER);
	stage.end = records_place(0, 1);
	assert_int_equal(bcast_attach(stage.nodes.name, NULL, &stage.reader),
			 0);
	return 0;
}

int stage_close(void **state)
{
	(void)state;
	bcast_detach(stage.reader);
	test_nodes_close(&stage.nodes);
	return 0;
}

void stage_put(unsigned count)
{
	while (count-- > 0)
		records_put(&stage.ring, &stage.end, STAGE_LENGTH);
}

void stage_flush(void)
{
	bc_record_flush(&stage.ring, stage.end.position, stage.end.sequence);
}

void stage_put_many(unsigned count)
{
	for (unsigned i = 1; i <= count; i++) {
		stage_put(1);
		if (i % 10 != 0)
			continue;
		bc_record_index_add(&stage.nodes.stream.segment, stage.end, 1);
		stage_flush();
	}
	stage_flush();
}

void stage_seek(uint64_t position)
{
	assert_int_equal(
		bcast_seek(stage.reader, BCAST_FROM_POSITION, position), 0);
}

void stage_take(uint64_t sequence)
{
	struct bcast_packet packet = {0};

	assert_int_equal(bcast_next(stage.reader, &packet), 1);
	assert_int_equal(packet.sequence, sequence);
	assert_int_equal(packet.length, STAGE_LENGTH);
	assert_true(records_is_right(sequence, packet.payload, packet.length));
	assert_int_equal(bcast_consume(stage.reader, packet.size), 0);
}

void stage_assert_nothing(void)
{
	struct bcast_packet packet;
	const void *span;

	assert_int_equal(bcast_next(stage.reader, &packet), 0);
	assert_int_equal(bcast_peek(stage.reader, &span), 0);
	assert_int_equal(bcast_wait(stage.reader, 0), 0);
}
