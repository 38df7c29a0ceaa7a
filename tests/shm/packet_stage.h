/* SPDX-License-Identifier: MIT */
/*
 * packet_stage.h - a stream of packets whose records the test writes by hand,
 * all of one size, and one reader of it.
 */
#ifndef TESTS_PACKET_STAGE_H
#define TESTS_PACKET_STAGE_H

#include "nodes.h"
#include "records.h"

#define STAGE_SIZE   96u /* of a record here, whose payload is ... */
#define STAGE_LENGTH 40u

struct packet_stage {
	struct test_nodes nodes;
	struct bc_ring ring;
	struct bc_head_shm *head;
	struct bcast_reader *reader;
	struct bc_record_place end; /* where the next record goes */
};

extern struct packet_stage stage;

/* cmocka's setup and teardown: the reader is at the beginning. */
int stage_open(void **state);
int stage_close(void **state);

/* stage_put - that many records more, shown by header. */
void stage_put(unsigned count);

/* stage_flush - the tail behind the last of them. */
void stage_flush(void);

/* stage_put_many - as a publisher: flushed every ten, with an index. */
void stage_put_many(unsigned count);

/* stage_seek - the reader to this position, which must be allowed. */
void stage_seek(uint64_t position);

/* stage_take - the next record is this one, and it is whole. */
void stage_take(uint64_t sequence);

/* stage_assert_nothing - by none of the three doors. */
void stage_assert_nothing(void);

#endif
