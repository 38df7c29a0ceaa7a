/* SPDX-License-Identifier: MIT */
/*
 * test_packet_reader.c - client_packet.c: peek, consume, read, laps, and damage,
 * on records that were written by hand. Where it may go is in test_packet_seek.c;
 * beside a real publisher: test_publisher.c, test_publisher_race.c.
 */
#include "nodes.h"
#include "records.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "shm/record_index.h"

#define SIZE   96u /* of a record here, whose payload is ... */
#define LENGTH 40u

static struct test_nodes nodes;
static struct bc_ring ring;
static struct bc_head_shm *head;
static struct bcast_reader *reader;
static struct bc_record_place end; /* where the next record goes */

static int open_stream(void **state)
{
	(void)state;
	test_nodes_open_packets(&nodes, 2);
	ring = nodes.stream.segment.ring;
	head = ring.head;
	bc_record_set_rule(&ring, BC_RULE_HEADER);
	end = records_place(0, 1);
	assert_int_equal(bcast_attach(nodes.name, NULL, &reader), 0);
	return 0;
}

static int close_stream(void **state)
{
	(void)state;
	bcast_detach(reader);
	test_nodes_close(&nodes);
	return 0;
}

static void put(unsigned count)
{
	while (count-- > 0)
		records_put(&ring, &end, LENGTH);
}

static void flush(void)
{
	bc_record_flush(&ring, end.position, end.sequence);
}

/* As a publisher flushes: each hundred of records or so, with an index. */
static void put_many(unsigned count)
{
	for (unsigned i = 1; i <= count; i++) {
		put(1);
		if (i % 10 != 0)
			continue;
		bc_record_index_add(&nodes.stream.segment, end, 1);
		flush();
	}
	flush();
}

static void seek_to(uint64_t position)
{
	assert_int_equal(bcast_seek(reader, BCAST_FROM_POSITION, position), 0);
}

/* The next record is this one, and it is whole. */
static void take(uint64_t sequence)
{
	struct bcast_packet packet = {0};

	assert_int_equal(bcast_next(reader, &packet), 1);
	assert_int_equal(packet.sequence, sequence);
	assert_int_equal(packet.length, LENGTH);
	assert_true(records_is_right(sequence, packet.payload, packet.length));
	assert_int_equal(bcast_consume(reader, packet.size), 0);
}

static void assert_nothing(void)
{
	struct bcast_packet packet;
	const void *span;

	assert_int_equal(bcast_next(reader, &packet), 0);
	assert_int_equal(bcast_peek(reader, &span), 0);
	assert_int_equal(bcast_wait(reader, 0), 0);
}

/* ---- Peek, consume, read ----------------------------------------------- */

static void record_is_seen_by_all_three_doors_before_the_tail(void **state)
{
	unsigned char bytes[SIZE];
	const void *span;

	(void)state;
	put(3);
	assert_int_equal(bcast_wait(reader, 0), 1);
	take(1);
	assert_int_equal(bcast_peek(reader, &span), 2 * SIZE);
	assert_int_equal(bcast_read(reader, bytes, sizeof(bytes)), SIZE);
	assert_true(records_is_right(2, bytes + 32, LENGTH));
	take(3);
	assert_nothing();
	assert_int_equal(bcast_position(reader), 3 * SIZE);
	assert_int_equal(bcast_lag(reader), 0);
}

static void consume_goes_from_record_to_record_only(void **state)
{
	const void *span;

	(void)state;
	put(3);
	flush();
	assert_int_equal(bcast_peek(reader, &span), 3 * SIZE);
	assert_int_equal(bcast_consume(reader, SIZE - 1), -EINVAL);
	assert_int_equal(bcast_consume(reader, SIZE + 1), -EINVAL);
	assert_int_equal(bcast_consume(reader, 32), -EINVAL);
	assert_int_equal(bcast_consume(reader, 3 * SIZE + 1), -EINVAL);
	assert_int_equal(bcast_consume(reader, 0), 0);
	assert_int_equal(bcast_consume(reader, SIZE), 0);
	assert_int_equal(bcast_consume(reader, 2 * SIZE + 1), -EINVAL);
	assert_int_equal(bcast_consume(reader, 2 * SIZE), 0);
	put(1);
	take(4);
}

static void record_can_be_left_for_later(void **state)
{
	struct bcast_packet packet;

	(void)state;
	put(2);
	assert_int_equal(bcast_next(reader, &packet), 1);
	assert_int_equal(bcast_next(reader, &packet), 1);
	assert_int_equal(packet.sequence, 1);
	assert_int_equal(bcast_consume(reader, packet.size - 32), -EINVAL);
	take(1);
	take(2);
}

static void read_copies_whole_records_only(void **state)
{
	unsigned char bytes[3 * SIZE];

	(void)state;
	put(4);
	flush();
	assert_int_equal(bcast_read(reader, bytes, 0), -EMSGSIZE);
	assert_int_equal(bcast_read(reader, bytes, SIZE - 1), -EMSGSIZE);
	assert_int_equal(bcast_position(reader), 0);
	assert_int_equal(bcast_read(reader, bytes, SIZE), SIZE);
	assert_int_equal(bcast_read(reader, bytes, 2 * SIZE - 1), SIZE);
	assert_true(records_is_right(2, bytes + 32, LENGTH));
	assert_int_equal(bcast_read(reader, bytes, 2 * SIZE + 1), 2 * SIZE);
	assert_true(records_is_right(3, bytes + 32, LENGTH));
	assert_true(records_is_right(4, bytes + SIZE + 32, LENGTH));
	assert_int_equal(bcast_read(reader, bytes, sizeof(bytes)), 0);
}

static _Atomic bool stop;

/* A writer that laps the reader in the midst of its walk, again and again. */
static void *change_length(void *argument)
{
	_Atomic uint32_t *length = (void *)&bc_record_at(&ring, 0)->length;

	(void)argument;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		atomic_store_explicit(length, 9000, memory_order_relaxed);
		atomic_store_explicit(length, LENGTH, memory_order_relaxed);
	}
	return NULL;
}

static void length_that_changes_never_leads_out_of_the_buffer(void **state)
{
	static unsigned char bytes[1 << 15];
	uint64_t begin_ms = test_now_ms();
	pthread_t thread;

	(void)state;
	put_many(200);
	memset(bytes, 0xa5, sizeof(bytes));
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, change_length, NULL), 0);
	while (test_now_ms() - begin_ms < 300) {
		int64_t n = bcast_read(reader, bytes, 2 * SIZE);

		if (n > 2 * (int64_t)SIZE || bytes[2 * SIZE] != 0xa5)
			break;
		seek_to(0);
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (size_t i = 2 * SIZE; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0xa5);
}

/* ---- Lapped ------------------------------------------------------------ */

static void loss_counts_records_exactly(void **state)
{
	struct bcast_packet packet;
	struct bcast_loss loss;

	(void)state;
	put(3);
	take(1);
	put_many(2000);
	assert_int_equal(bcast_next(reader, &packet), BCAST_ELAPPED);
	loss = bcast_loss(reader);
	assert_int_equal(loss.from, SIZE);
	assert_int_equal(loss.packets * SIZE, loss.bytes);
	take(2 + loss.packets);
	put_many(2000);
	assert_int_equal(bcast_wait(reader, 0), BCAST_ELAPPED);
	assert_int_equal(bcast_loss(reader).total_packets,
			 loss.packets + bcast_loss(reader).packets);
	take(3 + bcast_loss(reader).total_packets);
}

static void overtaken_in_its_use_is_told_so_by_consume(void **state)
{
	struct bcast_packet packet;
	unsigned char bytes[SIZE];
	const void *span;

	(void)state;
	put_many(600);
	assert_int_equal(bcast_next(reader, &packet), 1);
	records_reserve(&ring, ring.capacity);
	assert_int_equal(bcast_consume(reader, packet.size), 0);
	assert_int_equal(bcast_peek(reader, &span), 599 * SIZE);
	records_reserve(&ring, ring.capacity + SIZE + 1);
	assert_int_equal(bcast_consume(reader, SIZE), BCAST_ELAPPED);
	seek_to(0);
	assert_int_equal(bcast_read(reader, bytes, 10), BCAST_ELAPPED);
}

static void reader_ahead_of_the_tail_never_goes_backwards(void **state)
{
	struct bcast_packet packet;

	(void)state;
	put_many(600);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_LIVE, 0), 0);
	put(80);
	for (unsigned i = 601; i <= 650; i++)
		take(i);
	/* no holder of the lease reserves more than a ring behind its tail */
	assert_int_equal(bcast_next(reader, &packet), 1);
	records_reserve(&ring, bcast_position(reader) + ring.capacity + 1);
	assert_int_equal(bcast_consume(reader, packet.size), BCAST_EPROTO);
	assert_int_equal(bcast_position(reader), 650 * SIZE);
	assert_int_equal(bcast_loss(reader).laps, 0);
}

/* The number it waits for stands where it looks: as payload of a later lap. */
static void forged_number_of_a_later_lap_is_a_lap(void **state)
{
	struct bcast_packet packet;
	const void *span;

	(void)state;
	put_many(2000);
	seek_to(0);
	assert_int_equal(bcast_next(reader, &packet), BCAST_ELAPPED);
	take(bcast_position(reader) / SIZE + 1);
	put_many(2000);
	bc_record_at(&ring, bcast_position(reader))->sequence =
		bcast_position(reader) / SIZE + 1;
	assert_int_equal(bcast_wait(reader, 0), 1);
	assert_int_equal(bcast_peek(reader, &span), BCAST_ELAPPED);
	bc_record_at(&ring, bcast_position(reader))->length = LENGTH;
	assert_int_equal(bcast_seek(reader, BCAST_FROM_LIVE, 0), 0);
	assert_nothing();
}

/* ---- The end ----------------------------------------------------------- */

static void last_record_comes_before_the_end(void **state)
{
	struct bcast_packet packet;

	(void)state;
	put(2);
	bc_segment_set_state(&nodes.stream.segment, BC_STATE_CLOSED);
	take(1);
	take(2);
	assert_int_equal(bcast_next(reader, &packet), BCAST_ECLOSED);
}

/* ---- Damage ------------------------------------------------------------ */

static void assert_damaged(void)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_next(reader, &packet), BCAST_EPROTO);
	assert_int_equal(bcast_position(reader), 0);
}

static void header_that_cannot_be_is_called_so(void **state)
{
	struct bcast_packet_header *header = bc_record_at(&ring, 0);

	(void)state;
	put(3);
	header->key_length = LENGTH + 1;
	assert_damaged();
	header->key_length = LENGTH;
	header->length = (1 << 14) - 31;
	assert_damaged();
	header->length = UINT32_MAX;
	assert_damaged();
	header->length = LENGTH;
	take(1);
}

static void header_before_the_tail_that_cannot_be_is_called_so(void **state)
{
	struct bcast_packet_header *header = bc_record_at(&ring, 0);

	(void)state;
	put(3);
	flush();
	bc_record_set_rule(&ring, BC_RULE_TAIL);
	header->sequence = 2;
	assert_damaged();
	header->sequence = 0;
	assert_damaged();
	header->sequence = 1;
	header->length = 3 * SIZE;
	assert_damaged();
	header->length = LENGTH;
	take(1);
}

/* Shown by header, but no walk can pass it: no endless 1 and 0 in turn. */
static void damage_is_not_mistaken_for_nothing_yet(void **state)
{
	const void *span;

	(void)state;
	put(1);
	bc_record_at(&ring, 0)->length = UINT32_MAX;
	assert_int_equal(bcast_wait(reader, 0), 1);
	assert_int_equal(bcast_peek(reader, &span), BCAST_EPROTO);
}

static void head_that_cannot_be_is_called_so(void **state)
{
	struct bcast_packet packet;
	const void *span;

	(void)state;
	put(3);
	flush();
	take(1);
	bc_record_at(&ring, SIZE)->sequence = 0;
	atomic_store(&head->reserved, 2 * SIZE);
	assert_int_equal(bcast_next(reader, &packet), BCAST_EPROTO);
	assert_int_equal(bcast_peek(reader, &span), BCAST_EPROTO);
	/* ahead of all that is reserved */
	atomic_store(&head->tail, 0);
	atomic_store(&head->reserved, SIZE - 1);
	assert_int_equal(bcast_next(reader, &packet), BCAST_EPROTO);
}

static void tail_where_no_record_can_begin_is_damage(void **state)
{
	const void *span;

	(void)state;
	put(3);
	flush();
	atomic_store(&head->tail, end.position + 1);
	records_reserve(&ring, end.position + 4096);
	bc_record_at(&ring, 0)->sequence = 0;
	assert_int_equal(bcast_peek(reader, &span), BCAST_EPROTO);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_LIVE, 0), 0);
	assert_int_equal(bcast_peek(reader, &span), BCAST_EPROTO);
	assert_int_equal(bcast_wait(reader, 0), BCAST_EPROTO);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_stream, close_stream)

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
