/* SPDX-License-Identifier: MIT */
/*
 * test_packet_reader.c - client_packet.c: peek, consume, read, laps, and
 * damage, on records that were written by hand. Where it may go is in
 * test_packet_seek.c; beside a real publisher: test_publisher.c,
 * test_publisher_race.c.
 */
#include "packet_stage.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "shm/record_index.h"

/* ---- Peek, consume, read ----------------------------------------------- */

static void record_is_seen_by_all_three_doors_before_the_tail(void **state)
{
	unsigned char bytes[STAGE_SIZE];
	const void *span;

	(void)state;
	stage_put(3);
	assert_int_equal(bcast_wait(stage.reader, 0), 1);
	stage_take(1);
	assert_int_equal(bcast_peek(stage.reader, &span), 2 * STAGE_SIZE);
	assert_int_equal(bcast_read(stage.reader, bytes, sizeof(bytes)),
			 STAGE_SIZE);
	assert_true(records_is_right(2, bytes + 32, STAGE_LENGTH));
	stage_take(3);
	stage_assert_nothing();
	assert_int_equal(bcast_position(stage.reader), 3 * STAGE_SIZE);
	assert_int_equal(bcast_lag(stage.reader), 0);
}

static void consume_goes_from_record_to_record_only(void **state)
{
	const void *span;

	(void)state;
	stage_put(3);
	stage_flush();
	assert_int_equal(bcast_peek(stage.reader, &span), 3 * STAGE_SIZE);
	assert_int_equal(bcast_consume(stage.reader, STAGE_SIZE - 1), -EINVAL);
	assert_int_equal(bcast_consume(stage.reader, STAGE_SIZE + 1), -EINVAL);
	assert_int_equal(bcast_consume(stage.reader, 32), -EINVAL);
	assert_int_equal(bcast_consume(stage.reader, 3 * STAGE_SIZE + 1),
			 -EINVAL);
	assert_int_equal(bcast_consume(stage.reader, 0), 0);
	assert_int_equal(bcast_consume(stage.reader, STAGE_SIZE), 0);
	assert_int_equal(bcast_consume(stage.reader, 2 * STAGE_SIZE + 1),
			 -EINVAL);
	assert_int_equal(bcast_consume(stage.reader, 2 * STAGE_SIZE), 0);
	stage_put(1);
	stage_take(4);
}

static void record_can_be_left_for_later(void **state)
{
	struct bcast_packet packet;

	(void)state;
	stage_put(2);
	assert_int_equal(bcast_next(stage.reader, &packet), 1);
	assert_int_equal(bcast_next(stage.reader, &packet), 1);
	assert_int_equal(packet.sequence, 1);
	assert_int_equal(bcast_consume(stage.reader, packet.size - 32),
			 -EINVAL);
	stage_take(1);
	stage_take(2);
}

static void read_copies_whole_records_only(void **state)
{
	unsigned char bytes[3 * STAGE_SIZE];

	(void)state;
	stage_put(4);
	stage_flush();
	assert_int_equal(bcast_read(stage.reader, bytes, 0), -EMSGSIZE);
	assert_int_equal(bcast_read(stage.reader, bytes, STAGE_SIZE - 1),
			 -EMSGSIZE);
	assert_int_equal(bcast_position(stage.reader), 0);
	assert_int_equal(bcast_read(stage.reader, bytes, STAGE_SIZE),
			 STAGE_SIZE);
	assert_int_equal(bcast_read(stage.reader, bytes, 2 * STAGE_SIZE - 1),
			 STAGE_SIZE);
	assert_true(records_is_right(2, bytes + 32, STAGE_LENGTH));
	assert_int_equal(bcast_read(stage.reader, bytes, 2 * STAGE_SIZE + 1),
			 2 * STAGE_SIZE);
	assert_true(records_is_right(3, bytes + 32, STAGE_LENGTH));
	assert_true(records_is_right(4, bytes + STAGE_SIZE + 32, STAGE_LENGTH));
	assert_int_equal(bcast_read(stage.reader, bytes, sizeof(bytes)), 0);
}

static _Atomic bool stop;

/* A writer that laps the reader in the midst of its walk, again and again. */
static void *change_length(void *argument)
{
	_Atomic uint32_t *length =
		(void *)&bc_record_at(&stage.ring, 0)->length;

	(void)argument;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		atomic_store_explicit(length, 9000, memory_order_relaxed);
		atomic_store_explicit(length, STAGE_LENGTH,
				      memory_order_relaxed);
	}
	return NULL;
}

static void length_that_changes_never_leads_out_of_the_buffer(void **state)
{
	static unsigned char bytes[1 << 15];
	uint64_t begin_ms = test_now_ms();
	pthread_t thread;

	(void)state;
	stage_put_many(200);
	memset(bytes, 0xa5, sizeof(bytes));
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, change_length, NULL), 0);
	while (test_now_ms() - begin_ms < 300) {
		int64_t n = bcast_read(stage.reader, bytes, 2 * STAGE_SIZE);

		if (n > 2 * (int64_t)STAGE_SIZE ||
		    bytes[2 * STAGE_SIZE] != 0xa5)
			break;
		stage_seek(0);
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (size_t i = 2 * STAGE_SIZE; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0xa5);
}

/* ---- Lapped ------------------------------------------------------------ */

static void loss_counts_records_exactly(void **state)
{
	struct bcast_packet packet;
	struct bcast_loss loss;

	(void)state;
	stage_put(3);
	stage_take(1);
	stage_put_many(2000);
	assert_int_equal(bcast_next(stage.reader, &packet), BCAST_ELAPPED);
	loss = bcast_loss(stage.reader);
	assert_int_equal(loss.from, STAGE_SIZE);
	assert_int_equal(loss.packets * STAGE_SIZE, loss.bytes);
	stage_take(2 + loss.packets);
	stage_put_many(2000);
	assert_int_equal(bcast_wait(stage.reader, 0), BCAST_ELAPPED);
	assert_int_equal(bcast_loss(stage.reader).total_packets,
			 loss.packets + bcast_loss(stage.reader).packets);
	stage_take(3 + bcast_loss(stage.reader).total_packets);
}

static void overtaken_in_its_use_is_told_so_by_consume(void **state)
{
	struct bcast_packet packet;
	unsigned char bytes[STAGE_SIZE];
	const void *span;

	(void)state;
	stage_put_many(600);
	assert_int_equal(bcast_next(stage.reader, &packet), 1);
	records_reserve(&stage.ring, stage.ring.capacity);
	assert_int_equal(bcast_consume(stage.reader, packet.size), 0);
	assert_int_equal(bcast_peek(stage.reader, &span), 599 * STAGE_SIZE);
	records_reserve(&stage.ring, stage.ring.capacity + STAGE_SIZE + 1);
	assert_int_equal(bcast_consume(stage.reader, STAGE_SIZE),
			 BCAST_ELAPPED);
	stage_seek(0);
	assert_int_equal(bcast_read(stage.reader, bytes, 10), BCAST_ELAPPED);
}

static void reader_ahead_of_the_tail_never_goes_backwards(void **state)
{
	struct bcast_packet packet;

	(void)state;
	stage_put_many(600);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_LIVE, 0), 0);
	stage_put(80);
	for (unsigned i = 601; i <= 650; i++)
		stage_take(i);
	/* no holder of the lease reserves more than a ring behind its tail */
	assert_int_equal(bcast_next(stage.reader, &packet), 1);
	records_reserve(&stage.ring,
			bcast_position(stage.reader) + stage.ring.capacity + 1);
	assert_int_equal(bcast_consume(stage.reader, packet.size),
			 BCAST_EPROTO);
	assert_int_equal(bcast_position(stage.reader), 650 * STAGE_SIZE);
	assert_int_equal(bcast_loss(stage.reader).laps, 0);
}

/* The number it waits for stands where it looks: as payload of a later lap. */
static void forged_number_of_a_later_lap_is_a_lap(void **state)
{
	struct bcast_packet packet;
	const void *span;

	(void)state;
	stage_put_many(2000);
	stage_seek(0);
	assert_int_equal(bcast_next(stage.reader, &packet), BCAST_ELAPPED);
	stage_take(bcast_position(stage.reader) / STAGE_SIZE + 1);
	stage_put_many(2000);
	bc_record_at(&stage.ring, bcast_position(stage.reader))->sequence =
		bcast_position(stage.reader) / STAGE_SIZE + 1;
	assert_int_equal(bcast_wait(stage.reader, 0), 1);
	assert_int_equal(bcast_peek(stage.reader, &span), BCAST_ELAPPED);
	bc_record_at(&stage.ring, bcast_position(stage.reader))->length =
		STAGE_LENGTH;
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_LIVE, 0), 0);
	stage_assert_nothing();
}

/* ---- The end ----------------------------------------------------------- */

static void last_record_comes_before_the_end(void **state)
{
	struct bcast_packet packet;

	(void)state;
	stage_put(2);
	bc_segment_set_state(&stage.nodes.stream.segment, BC_STATE_CLOSED);
	stage_take(1);
	stage_take(2);
	assert_int_equal(bcast_next(stage.reader, &packet), BCAST_ECLOSED);
}

/* ---- Damage ------------------------------------------------------------ */

static void assert_damaged(void)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_next(stage.reader, &packet), BCAST_EPROTO);
	assert_int_equal(bcast_position(stage.reader), 0);
}

static void header_that_cannot_be_is_called_so(void **state)
{
	struct bcast_packet_header *header = bc_record_at(&stage.ring, 0);

	(void)state;
	stage_put(3);
	header->key_length = STAGE_LENGTH + 1;
	assert_damaged();
	header->key_length = STAGE_LENGTH;
	header->length = (1 << 14) - 31;
	assert_damaged();
	header->length = UINT32_MAX;
	assert_damaged();
	header->length = STAGE_LENGTH;
	stage_take(1);
}

static void header_before_the_tail_that_cannot_be_is_called_so(void **state)
{
	struct bcast_packet_header *header = bc_record_at(&stage.ring, 0);

	(void)state;
	stage_put(3);
	stage_flush();
	bc_record_set_rule(&stage.ring, BC_RULE_TAIL);
	header->sequence = 2;
	assert_damaged();
	header->sequence = 0;
	assert_damaged();
	header->sequence = 1;
	header->length = 3 * STAGE_SIZE;
	assert_damaged();
	header->length = STAGE_LENGTH;
	stage_take(1);
}

/* Shown by header, but no walk can pass it: no endless 1 and 0 in turn. */
static void damage_is_not_mistaken_for_nothing_yet(void **state)
{
	const void *span;

	(void)state;
	stage_put(1);
	bc_record_at(&stage.ring, 0)->length = UINT32_MAX;
	assert_int_equal(bcast_wait(stage.reader, 0), 1);
	assert_int_equal(bcast_peek(stage.reader, &span), BCAST_EPROTO);
}

static void head_that_cannot_be_is_called_so(void **state)
{
	struct bcast_packet packet;
	const void *span;

	(void)state;
	stage_put(3);
	stage_flush();
	stage_take(1);
	bc_record_at(&stage.ring, STAGE_SIZE)->sequence = 0;
	atomic_store(&stage.head->reserved, 2 * STAGE_SIZE);
	assert_int_equal(bcast_next(stage.reader, &packet), BCAST_EPROTO);
	assert_int_equal(bcast_peek(stage.reader, &span), BCAST_EPROTO);
	/* ahead of all that is reserved */
	atomic_store(&stage.head->tail, 0);
	atomic_store(&stage.head->reserved, STAGE_SIZE - 1);
	assert_int_equal(bcast_next(stage.reader, &packet), BCAST_EPROTO);
}

static void tail_where_no_record_can_begin_is_damage(void **state)
{
	const void *span;

	(void)state;
	stage_put(3);
	stage_flush();
	atomic_store(&stage.head->tail, stage.end.position + 1);
	records_reserve(&stage.ring, stage.end.position + 4096);
	bc_record_at(&stage.ring, 0)->sequence = 0;
	assert_int_equal(bcast_peek(stage.reader, &span), BCAST_EPROTO);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_LIVE, 0), 0);
	assert_int_equal(bcast_peek(stage.reader, &span), BCAST_EPROTO);
	assert_int_equal(bcast_wait(stage.reader, 0), BCAST_EPROTO);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(record_is_seen_by_all_three_doors_before_the_tail),
		TEST(consume_goes_from_record_to_record_only),
		TEST(record_can_be_left_for_later),
		TEST(read_copies_whole_records_only),
		TEST(length_that_changes_never_leads_out_of_the_buffer),
		TEST(loss_counts_records_exactly),
		TEST(overtaken_in_its_use_is_told_so_by_consume),
		TEST(reader_ahead_of_the_tail_never_goes_backwards),
		TEST(forged_number_of_a_later_lap_is_a_lap),
		TEST(last_record_comes_before_the_end),
		TEST(header_that_cannot_be_is_called_so),
		TEST(header_before_the_tail_that_cannot_be_is_called_so),
		TEST(damage_is_not_mistaken_for_nothing_yet),
		TEST(head_that_cannot_be_is_called_so),
		TEST(tail_where_no_record_can_begin_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
