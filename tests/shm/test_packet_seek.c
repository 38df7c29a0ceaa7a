/* SPDX-License-Identifier: MIT */
/*
 * test_packet_seek.c - client_place.c: where a reader of packets may go, and
 * how it learns the number of the record there.
 */
#include "packet_stage.h"

#include <errno.h>

#include "shm/record_index.h"

/* ---- Seek -------------------------------------------------------------- */

static void live_is_behind_the_last_record_not_at_the_tail(void **state)
{
	(void)state;
	stage_put(2);
	stage_flush();
	stage_put(3);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_LIVE, 0), 0);
	assert_int_equal(bcast_position(stage.reader), 5 * STAGE_SIZE);
	stage_assert_nothing();
	stage_put(1);
	stage_take(6);
}

static void oldest_is_the_birth_while_it_is_there(void **state)
{
	(void)state;
	stage_put_many(100);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_OLDEST, 0), 0);
	assert_int_equal(bcast_position(stage.reader), 0);
	stage_take(1);
}

static void oldest_is_the_first_known_record_that_is_intact(void **state)
{
	uint64_t oldest;

	(void)state;
	stage_put_many(2000);
	oldest = bc_ring_oldest(&stage.ring);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_OLDEST, 0), 0);
	assert_in_range(bcast_position(stage.reader), oldest,
			oldest + 10 * STAGE_SIZE);
	stage_take(bcast_position(stage.reader) / STAGE_SIZE + 1);
}

static void oldest_of_a_stream_without_index_is_its_tail(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		stage_put(1);
		stage_flush();
	}
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_OLDEST, 0), 0);
	assert_int_equal(bcast_position(stage.reader), 1000 * STAGE_SIZE);
	stage_put(1);
	stage_take(1001);
}

static void position_within_a_record_is_refused(void **state)
{
	(void)state;
	stage_put_many(105);
	for (unsigned i = 1; i < STAGE_SIZE; i++) {
		assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_POSITION,
					    STAGE_SIZE * 57 + i),
				 -EINVAL);
		assert_int_equal(bcast_position(stage.reader), 0);
	}
	for (unsigned i = 0; i <= 105; i++) {
		stage_seek((uint64_t)i * STAGE_SIZE);
		if (i < 105)
			stage_take(i + 1);
	}
	stage_assert_nothing();
}

static void position_beyond_what_is_published_is_refused(void **state)
{
	(void)state;
	stage_put(3);
	stage_flush();
	records_reserve(&stage.ring, stage.end.position + 4096);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_POSITION,
				    stage.end.position + STAGE_SIZE),
			 -EINVAL);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_POSITION,
				    stage.end.position + 32),
			 -EINVAL);
	stage_seek(stage.end.position);
}

/* Whoever has read there may go there. */
static void position_ahead_of_the_tail_is_found_by_headers(void **state)
{
	(void)state;
	stage_put(2);
	stage_flush();
	stage_put(3);
	stage_seek(4 * STAGE_SIZE);
	stage_take(5);
	stage_seek(5 * STAGE_SIZE);
	stage_assert_nothing();
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_POSITION,
				    5 * STAGE_SIZE + 32),
			 -EINVAL);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_POSITION,
				    4 * STAGE_SIZE + 32),
			 -EINVAL);
}

static void position_no_longer_in_the_ring_is_reported_as_lapped(void **state)
{
	struct bcast_packet packet;

	(void)state;
	stage_put_many(2000);
	stage_seek(5 * STAGE_SIZE);
	assert_int_equal(bcast_next(stage.reader, &packet), BCAST_ELAPPED);
	assert_int_equal(bcast_loss(stage.reader).from, 5 * STAGE_SIZE);
	stage_take(bcast_position(stage.reader) / STAGE_SIZE + 1);
}

/* The way to it leads over records that are gone; it may be anywhere. */
static void position_that_nobody_can_prove_is_reported_as_lapped(void **state)
{
	uint64_t oldest, position;
	struct bcast_packet packet;

	(void)state;
	stage_put(1000);
	stage_flush();
	bc_record_index_add(&stage.nodes.stream.segment, stage.end, 1);
	stage_put(20);
	stage_flush();
	oldest = bc_ring_oldest(&stage.ring);
	position = (oldest + 95) / STAGE_SIZE * STAGE_SIZE + 32;
	assert_int_equal(
		bcast_seek(stage.reader, BCAST_FROM_POSITION, position), 0);
	assert_int_equal(bcast_next(stage.reader, &packet), BCAST_ELAPPED);
	assert_int_equal(bcast_loss(stage.reader).from, position);
	assert_true(bcast_loss(stage.reader).bytes > 0);
	stage_take(bcast_position(stage.reader) / STAGE_SIZE + 1);
	assert_int_equal(
		bcast_seek(stage.reader, BCAST_FROM_POSITION, position), 0);
	/* forgotten with the next seek */
	stage_seek(stage.end.position);
	stage_assert_nothing();
}

static void tail_is_always_a_place_to_go_to(void **state)
{
	(void)state;
	stage_put(1000);
	stage_flush();
	stage_seek(stage.end.position);
	stage_put(1);
	stage_take(1001);
}

static void seek_to(enum bcast_from from, uint64_t what)
{
	assert_int_equal(bcast_seek(stage.reader, from, what), 0);
}

static void reader_begins_at_the_number_that_it_asks_for(void **state)
{
	(void)state;
	stage_put_many(105);
	for (unsigned i = 1; i <= 105; i++) {
		seek_to(BCAST_FROM_SEQUENCE, i);
		stage_take(i);
	}
	seek_to(BCAST_FROM_SEQUENCE, 106);
	stage_assert_nothing();
	stage_put(1);
	stage_take(106);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_SEQUENCE, 108),
			 -EINVAL);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_SEQUENCE, 0),
			 -EINVAL);
}

static void number_that_is_gone_is_reported_with_the_packets_lost(void **state)
{
	struct bcast_packet packet;
	uint64_t next;

	(void)state;
	stage_put_many(2000);
	seek_to(BCAST_FROM_SEQUENCE, 7);
	assert_int_equal(bcast_next(stage.reader, &packet), BCAST_ELAPPED);
	next = bcast_position(stage.reader) / STAGE_SIZE + 1;
	assert_int_equal(bcast_loss(stage.reader).packets, next - 7);
	stage_take(next);
}

static void reader_begins_at_the_time_that_it_asks_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		uint64_t at = stage.end.position;

		stage_put(1);
		bc_record_at(&stage.ring, at)->timestamp_ns = 1000 + i;
		stage_flush();
	}
	seek_to(BCAST_FROM_TIME, 1057);
	stage_take(58);
	seek_to(BCAST_FROM_TIME, 0);
	stage_take(1);
	seek_to(BCAST_FROM_TIME, UINT64_MAX);
	stage_assert_nothing();
}

static void time_that_is_gone_is_the_oldest_and_no_loss(void **state)
{
	(void)state;
	stage_put_many(2000);
	seek_to(BCAST_FROM_TIME, 0);
	stage_take(bcast_position(stage.reader) / STAGE_SIZE + 1);
	assert_int_equal(bcast_loss(stage.reader).laps, 0);
}

static void reader_can_be_attached_at_a_number_or_a_time(void **state)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;

	(void)state;
	stage_put_many(20);
	options.from = BCAST_FROM_SEQUENCE;
	options.position = 12;
	assert_int_equal(bcast_attach(stage.nodes.name, &options, &reader), 0);
	assert_int_equal(bcast_position(reader), 11 * STAGE_SIZE);
	bcast_detach(reader);
	options.position = 22;
	assert_int_equal(bcast_attach(stage.nodes.name, &options, &reader),
			 -EINVAL);
	options.from = BCAST_FROM_TIME;
	options.position = 2;
	assert_int_equal(bcast_attach(stage.nodes.name, &options, &reader), 0);
	assert_int_equal(bcast_position(reader), 20 * STAGE_SIZE);
	bcast_detach(reader);
}

static void stream_of_bytes_has_neither_numbers_nor_times(void **state)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;
	struct test_stream raw;

	(void)state;
	assert_int_equal(test_stream_open(&raw, test_name()), 0);
	options.from = BCAST_FROM_SEQUENCE;
	options.position = 1;
	assert_int_equal(bcast_attach(raw.name, &options, &reader),
			 -EOPNOTSUPP);
	options.from = BCAST_FROM_TIME;
	assert_int_equal(bcast_attach(raw.name, &options, &reader),
			 -EOPNOTSUPP);
	test_stream_close(&raw);
}

static void seek_that_is_none_is_refused(void **state)
{
	(void)state;
	assert_int_equal(bcast_seek(stage.reader, (enum bcast_from)5, 0),
			 -EINVAL);
}

/* ---- Not knowing the number -------------------------------------------- */

/* The tail in motion, and no way to it: neither from the birth nor an index. */
static void stop_the_tail_half_way(void)
{
	stage_put(1000);
	atomic_store(&stage.head->sequence_before, 1001);
	atomic_store(&stage.head->tail, 1000 * STAGE_SIZE);
}

static void number_is_learnt_once_the_tail_has_settled(void **state)
{
	(void)state;
	stop_the_tail_half_way();
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_LIVE, 0), 0);
	stage_put(1);
	stage_assert_nothing(); /* whose number should be waited for? */
	atomic_store(&stage.head->sequence_after, 1001);
	assert_int_equal(bcast_wait(stage.reader, 0), 1);
	stage_take(1001);
	stage_put(1);
	stage_take(1002);
}

static void number_is_learnt_from_the_record_itself(void **state)
{
	(void)state;
	stop_the_tail_half_way();
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_LIVE, 0), 0);
	stage_put(2);
	stage_flush();
	stage_take(1001);
	stage_take(1002);
	stage_put(1);
	stage_take(1003);
}

static void number_is_learnt_from_the_way(void **state)
{
	(void)state;
	stage_put(3);
	atomic_store(&stage.head->sequence_before, 4);
	atomic_store(&stage.head->tail, 3 * STAGE_SIZE);
	assert_int_equal(bcast_seek(stage.reader, BCAST_FROM_LIVE, 0), 0);
	stage_put(1);
	stage_take(4);
}

static void span_up_to_a_tail_in_motion_is_read_on_by_header(void **state)
{
	const void *span;

	(void)state;
	stage_put(4);
	atomic_store(&stage.head->sequence_before, 5);
	atomic_store(&stage.head->tail, 4 * STAGE_SIZE);
	assert_int_equal(bcast_peek(stage.reader, &span), 4 * STAGE_SIZE);
	assert_int_equal(bcast_consume(stage.reader, 4 * STAGE_SIZE), 0);
	stage_put(1);
	stage_take(5);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

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
		TEST(reader_begins_at_the_number_that_it_asks_for),
		TEST(number_that_is_gone_is_reported_with_the_packets_lost),
		TEST(reader_begins_at_the_time_that_it_asks_for),
		TEST(time_that_is_gone_is_the_oldest_and_no_loss),
		TEST(reader_can_be_attached_at_a_number_or_a_time),
		TEST(stream_of_bytes_has_neither_numbers_nor_times),
		TEST(seek_that_is_none_is_refused),
		TEST(number_is_learnt_once_the_tail_has_settled),
		TEST(number_is_learnt_from_the_record_itself),
		TEST(number_is_learnt_from_the_way),
		TEST(span_up_to_a_tail_in_motion_is_read_on_by_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
