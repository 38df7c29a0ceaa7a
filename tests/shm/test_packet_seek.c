/* SPDX-License-Identifier: MIT */
/*
 * test_packet_seek.c - client_place.c: where a reader of packets may go, and
 * how it learns the number of the record there.
 */
#include "nodes.h"
#include "records.h"

#include <errno.h>

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

/* ---- Seek -------------------------------------------------------------- */

static void live_is_behind_the_last_record_not_at_the_tail(void **state)
{
	(void)state;
	put(2);
	flush();
	put(3);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_LIVE, 0), 0);
	assert_int_equal(bcast_position(reader), 5 * SIZE);
	assert_nothing();
	put(1);
	take(6);
}

static void oldest_is_the_birth_while_it_is_there(void **state)
{
	(void)state;
	put_many(100);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_OLDEST, 0), 0);
	assert_int_equal(bcast_position(reader), 0);
	take(1);
}

static void oldest_is_the_first_known_record_that_is_intact(void **state)
{
	uint64_t oldest;

	(void)state;
	put_many(2000);
	oldest = bc_ring_oldest(&ring);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_OLDEST, 0), 0);
	assert_in_range(bcast_position(reader), oldest, oldest + 10 * SIZE);
	take(bcast_position(reader) / SIZE + 1);
}

static void oldest_of_a_stream_without_index_is_its_tail(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		put(1);
		flush();
	}
	assert_int_equal(bcast_seek(reader, BCAST_FROM_OLDEST, 0), 0);
	assert_int_equal(bcast_position(reader), 1000 * SIZE);
	put(1);
	take(1001);
}

static void position_within_a_record_is_refused(void **state)
{
	(void)state;
	put_many(105);
	for (unsigned i = 1; i < SIZE; i++) {
		assert_int_equal(
			bcast_seek(reader, BCAST_FROM_POSITION, SIZE * 57 + i),
			-EINVAL);
		assert_int_equal(bcast_position(reader), 0);
	}
	for (unsigned i = 0; i <= 105; i++) {
		seek_to((uint64_t)i * SIZE);
		if (i < 105)
			take(i + 1);
	}
	assert_nothing();
}

static void position_beyond_what_is_published_is_refused(void **state)
{
	(void)state;
	put(3);
	flush();
	records_reserve(&ring, end.position + 4096);
	assert_int_equal(
		bcast_seek(reader, BCAST_FROM_POSITION, end.position + SIZE),
		-EINVAL);
	assert_int_equal(
		bcast_seek(reader, BCAST_FROM_POSITION, end.position + 32),
		-EINVAL);
	seek_to(end.position);
}

/* Whoever has read there may go there. */
static void position_ahead_of_the_tail_is_found_by_headers(void **state)
{
	(void)state;
	put(2);
	flush();
	put(3);
	seek_to(4 * SIZE);
	take(5);
	seek_to(5 * SIZE);
	assert_nothing();
	assert_int_equal(bcast_seek(reader, BCAST_FROM_POSITION, 5 * SIZE + 32),
			 -EINVAL);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_POSITION, 4 * SIZE + 32),
			 -EINVAL);
}

static void position_no_longer_in_the_ring_is_reported_as_lapped(void **state)
{
	struct bcast_packet packet;

	(void)state;
	put_many(2000);
	seek_to(5 * SIZE);
	assert_int_equal(bcast_next(reader, &packet), BCAST_ELAPPED);
	assert_int_equal(bcast_loss(reader).from, 5 * SIZE);
	take(bcast_position(reader) / SIZE + 1);
}

/* The way to it leads over records that are gone; it may be anywhere. */
static void position_that_nobody_can_prove_is_reported_as_lapped(void **state)
{
	uint64_t oldest, position;
	struct bcast_packet packet;

	(void)state;
	put(1000);
	flush();
	bc_record_index_add(&nodes.stream.segment, end, 1);
	put(20);
	flush();
	oldest = bc_ring_oldest(&ring);
	position = (oldest + 95) / SIZE * SIZE + 32;
	assert_int_equal(bcast_seek(reader, BCAST_FROM_POSITION, position), 0);
	assert_int_equal(bcast_next(reader, &packet), BCAST_ELAPPED);
	assert_int_equal(bcast_loss(reader).from, position);
	assert_true(bcast_loss(reader).bytes > 0);
	take(bcast_position(reader) / SIZE + 1);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_POSITION, position), 0);
	/* forgotten with the next seek */
	seek_to(end.position);
	assert_nothing();
}

static void tail_is_always_a_place_to_go_to(void **state)
{
	(void)state;
	put(1000);
	flush();
	seek_to(end.position);
	put(1);
	take(1001);
}

static void seek_that_is_none_is_refused(void **state)
{
	(void)state;
	assert_int_equal(bcast_seek(reader, (enum bcast_from)3, 0), -EINVAL);
}

/* ---- Not knowing the number -------------------------------------------- */

/* The tail in motion, and no way to it: neither from the birth nor an index. */
static void stop_the_tail_half_way(void)
{
	put(1000);
	atomic_store(&head->sequence_before, 1001);
	atomic_store(&head->tail, 1000 * SIZE);
}

static void number_is_learnt_once_the_tail_has_settled(void **state)
{
	(void)state;
	stop_the_tail_half_way();
	assert_int_equal(bcast_seek(reader, BCAST_FROM_LIVE, 0), 0);
	put(1);
	assert_nothing(); /* whose number should be waited for? */
	atomic_store(&head->sequence_after, 1001);
	assert_int_equal(bcast_wait(reader, 0), 1);
	take(1001);
	put(1);
	take(1002);
}

static void number_is_learnt_from_the_record_itself(void **state)
{
	(void)state;
	stop_the_tail_half_way();
	assert_int_equal(bcast_seek(reader, BCAST_FROM_LIVE, 0), 0);
	put(2);
	flush();
	take(1001);
	take(1002);
	put(1);
	take(1003);
}

static void number_is_learnt_from_the_way(void **state)
{
	(void)state;
	put(3);
	atomic_store(&head->sequence_before, 4);
	atomic_store(&head->tail, 3 * SIZE);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_LIVE, 0), 0);
	put(1);
	take(4);
}

static void span_up_to_a_tail_in_motion_is_read_on_by_header(void **state)
{
	const void *span;

	(void)state;
	put(4);
	atomic_store(&head->sequence_before, 5);
	atomic_store(&head->tail, 4 * SIZE);
	assert_int_equal(bcast_peek(reader, &span), 4 * SIZE);
	assert_int_equal(bcast_consume(reader, 4 * SIZE), 0);
	put(1);
	take(5);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_stream, close_stream)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(live_is_behind_the_last_record_not_at_the_tail),
		TEST(oldest_is_the_birth_while_it_is_there),
		TEST(oldest_is_the_first_known_record_that_is_intact),
		TEST(oldest_of_a_stream_without_index_is_its_tail),
		TEST(position_within_a_record_is_refused),
		TEST(position_beyond_what_is_published_is_refused),
		TEST(position_ahead_of_the_tail_is_found_by_headers),
		TEST(position_no_longer_in_the_ring_is_reported_as_lapped),
		TEST(position_that_nobody_can_prove_is_reported_as_lapped),
		TEST(tail_is_always_a_place_to_go_to),
		TEST(seek_that_is_none_is_refused),
		TEST(number_is_learnt_once_the_tail_has_settled),
		TEST(number_is_learnt_from_the_record_itself),
		TEST(number_is_learnt_from_the_way),
		TEST(span_up_to_a_tail_in_motion_is_read_on_by_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
