/* SPDX-License-Identifier: MIT */
/*
 * test_reader.c - client_reader.c without waiting: where a reader starts, what
 * it gets, and what it is told when it was lapped. All positions by hand.
 */
#include "stream.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bcast/bcast.h>

#define CAPACITY TEST_CAPACITY

static struct test_stream stream;

static int open_stream(void **state)
{
	(void)state;
	return test_stream_open(&stream, test_name());
}

static int close_stream(void **state)
{
	(void)state;
	test_stream_close(&stream);
	return 0;
}

static struct bcast_reader *reader_from(enum bcast_from from, uint64_t position)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader = NULL;

	options.from = from;
	options.position = position;
	assert_int_equal(bcast_attach(stream.name, &options, &reader), 0);
	return reader;
}

static struct bcast_reader *reader_at(uint64_t position)
{
	return reader_from(BCAST_FROM_POSITION, position);
}

/* Read `size` bytes and compare them with the pattern at the position. */
static void expect_bytes(struct bcast_reader *reader, size_t size)
{
	static unsigned char bytes[CAPACITY];
	uint64_t at = bcast_position(reader);

	assert_int_equal(bcast_read(reader, bytes, size), size);
	assert_int_equal(test_pattern_check(TEST_SEED, at, bytes, size), -1);
	assert_int_equal(bcast_position(reader), at + size);
}

static void expect_loss(struct bcast_reader *reader, uint64_t from, uint64_t to)
{
	struct bcast_loss loss = bcast_loss(reader);

	assert_int_equal(loss.from, from);
	assert_int_equal(loss.to, to);
	assert_int_equal(loss.bytes, to - from);
	assert_int_equal(bcast_position(reader), to);
}

/* ---- Attach ------------------------------------------------------------ */

static int attach_with(struct bcast_attach_options options)
{
	struct bcast_reader *const untouched = (struct bcast_reader *)&options;
	struct bcast_reader *reader = untouched;
	int ret = bcast_attach(stream.name, &options, &reader);

	if (ret < 0)
		assert_ptr_equal(reader, untouched);
	else
		bcast_detach(reader);
	return ret;
}

static void options_out_of_range_are_refused(void **state)
{
	const struct bcast_attach_options good = BCAST_ATTACH_DEFAULTS;
	struct bcast_attach_options bad;

	(void)state;

	assert_int_equal(attach_with(good), 0);
	bad = good;
	bad.size--;
	assert_int_equal(attach_with(bad), -EINVAL);
	bad = good;
	bad.size++;
	assert_int_equal(attach_with(bad), -EINVAL);
	bad = good;
	bad.from = BCAST_FROM_TIME + 1;
	assert_int_equal(attach_with(bad), -EINVAL);
	bad = good;
	bad.spin_ns = -2;
	assert_int_equal(attach_with(bad), -EINVAL);
	bad = good;
	bad.flags = 2;
	assert_int_equal(attach_with(bad), -EINVAL);
	bad.flags = BCAST_MEASURE_LATENCY;
	assert_int_equal(attach_with(bad), 0);
}

static void failure_to_attach_is_passed_on(void **state)
{
	struct bcast_reader *reader = NULL;

	(void)state;

	assert_int_equal(bcast_attach(test_name(), NULL, &reader), -ENOENT);
	assert_int_equal(bcast_attach("a b", NULL, &reader), BCAST_ENAME);
	assert_null(reader);
	bcast_detach(NULL);
}

static void defaults_start_live(void **state)
{
	struct bcast_reader *reader = NULL;
	const void *data = NULL;

	(void)state;
	test_stream_write(&stream, 500);

	assert_int_equal(bcast_attach(stream.name, NULL, &reader), 0);

	assert_int_equal(bcast_position(reader), 500);
	assert_int_equal(bcast_peek(reader, &data), 0);
	assert_null(data);
	test_stream_write(&stream, 10);
	expect_bytes(reader, 10);
	bcast_detach(reader);
}

static void oldest_is_the_first_byte_while_nothing_was_overwritten(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	test_stream_write(&stream, CAPACITY);

	reader = reader_from(BCAST_FROM_OLDEST, 0);

	assert_int_equal(bcast_position(reader), 0);
	expect_bytes(reader, CAPACITY);
	bcast_detach(reader);
}

static void oldest_leaves_out_what_is_being_overwritten(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	test_stream_write(&stream, CAPACITY);
	test_stream_write(&stream, 100);
	bc_ring_reserve(&stream.segment.ring, 50);

	reader = reader_from(BCAST_FROM_OLDEST, 0);
	assert_int_equal(bcast_position(reader), 150);
	expect_bytes(reader, CAPACITY - 50);
	bcast_detach(reader);

	/* all of it is: nothing is old enough */
	bc_ring_reserve(&stream.segment.ring, CAPACITY);
	reader = reader_from(BCAST_FROM_OLDEST, 0);
	assert_int_equal(bcast_position(reader), CAPACITY + 100);
	/* and never beyond the tail, even of a damaged head */
	atomic_store(&stream.segment.ring.head->reserved, UINT64_MAX);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_OLDEST, 0), 0);
	assert_int_equal(bcast_position(reader), CAPACITY + 100);
	bcast_detach(reader);
}

static void position_beyond_the_tail_is_refused(void **state)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;

	(void)state;
	test_stream_write(&stream, 100);
	options.from = BCAST_FROM_POSITION;

	options.position = 99;
	assert_int_equal(attach_with(options), 0);
	options.position = 100;
	assert_int_equal(attach_with(options), 0);
	options.position = 101;
	assert_int_equal(attach_with(options), -EINVAL);
	options.position = UINT64_MAX;
	assert_int_equal(attach_with(options), -EINVAL);
}

static void seeking_is_not_losing(void **state)
{
	struct bcast_reader *reader = reader_at(0);

	(void)state;
	test_stream_write(&stream, 1000);

	assert_int_equal(bcast_seek(reader, BCAST_FROM_LIVE, 7), 0);
	assert_int_equal(bcast_position(reader), 1000);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_OLDEST, 7), 0);
	assert_int_equal(bcast_position(reader), 0);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_POSITION, 990), 0);
	expect_bytes(reader, 10);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_POSITION, 1001),
			 -EINVAL);
	assert_int_equal(bcast_seek(reader, (enum bcast_from)5, 0), -EINVAL);
	assert_int_equal(bcast_seek(reader, (enum bcast_from) - 1, 0), -EINVAL);
	assert_int_equal(bcast_position(reader), 1000);
	assert_int_equal(bcast_loss(reader).total_bytes, 0);
	bcast_detach(reader);
}

/* ---- Peek, consume, read ----------------------------------------------- */

static void peek_shows_all_and_consume_takes_a_part(void **state)
{
	struct bcast_reader *reader = reader_at(0);
	const void *data;

	(void)state;
	test_stream_write(&stream, 1000);

	assert_int_equal(bcast_peek(reader, &data), 1000);
	assert_int_equal(test_pattern_check(TEST_SEED, 0, data, 1000), -1);
	assert_int_equal(bcast_consume(reader, 300), 0);
	assert_int_equal(bcast_consume(reader, 0), 0);
	assert_int_equal(bcast_peek(reader, &data), 700);
	assert_int_equal(test_pattern_check(TEST_SEED, 300, data, 700), -1);
	assert_int_equal(bcast_consume(reader, 700), 0);
	assert_int_equal(bcast_peek(reader, &data), 0);
	bcast_detach(reader);
}

static void more_than_was_peeked_cannot_be_consumed(void **state)
{
	struct bcast_reader *reader = reader_at(0);
	const void *data;

	(void)state;
	test_stream_write(&stream, 100);

	assert_int_equal(bcast_consume(reader, 1), -EINVAL);
	assert_int_equal(bcast_peek(reader, &data), 100);
	test_stream_write(&stream, 100); /* published, but not peeked */
	assert_int_equal(bcast_consume(reader, 101), -EINVAL);
	assert_int_equal(bcast_consume(reader, SIZE_MAX), -EINVAL);
	assert_int_equal(bcast_consume(reader, 60), 0);
	assert_int_equal(bcast_consume(reader, 41), -EINVAL);
	assert_int_equal(bcast_consume(reader, 40), 0);
	assert_int_equal(bcast_consume(reader, 1), -EINVAL);
	assert_int_equal(bcast_position(reader), 100);
	/* a seek forgets the peek */
	assert_int_equal(bcast_peek(reader, &data), 100);
	assert_int_equal(bcast_seek(reader, BCAST_FROM_OLDEST, 0), 0);
	assert_int_equal(bcast_consume(reader, 1), -EINVAL);
	bcast_detach(reader);
}

static void span_over_the_wrap_is_one_piece(void **state)
{
	const uint64_t at = 5 * CAPACITY - 100;
	struct bcast_reader *reader;
	const void *data;

	(void)state;
	test_stream_jump(&stream, at);
	reader = reader_at(at);
	test_stream_write(&stream, 1000);

	assert_int_equal(bcast_peek(reader, &data), 1000);
	assert_int_equal(test_pattern_check(TEST_SEED, at, data, 1000), -1);
	assert_int_equal(bcast_consume(reader, 50), 0);
	expect_bytes(reader, 950);
	bcast_detach(reader);
}

static void reading_works_beyond_2_to_the_32_and_the_63(void **state)
{
	static const uint64_t bases[] = {(UINT64_C(1) << 32) - 500,
					 (UINT64_C(1) << 63) - 500};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct bcast_reader *reader;

		test_stream_jump(&stream, bases[i]);
		reader = reader_from(BCAST_FROM_LIVE, 0);
		test_stream_write(&stream, 1000);
		expect_bytes(reader, 400);
		expect_bytes(reader, 600);
		test_stream_write(&stream, CAPACITY);
		test_stream_write(&stream, 1);
		assert_int_equal(bcast_read(reader, &i, 1), BCAST_ELAPPED);
		expect_loss(reader, bases[i] + 1000,
			    bases[i] + 1001 + CAPACITY / 8);
		bcast_detach(reader);
	}
}

static void small_buffers_get_the_stream_in_pieces(void **state)
{
	struct bcast_reader *reader = reader_at(0);
	char byte;

	(void)state;
	test_stream_write(&stream, 100);

	assert_int_equal(bcast_read(reader, &byte, 0), 0);
	for (unsigned i = 0; i < 100; i++)
		expect_bytes(reader, 1);
	assert_int_equal(bcast_read(reader, &byte, 1), 0);
	assert_int_equal(bcast_reader_stats(reader).bytes, 100);
	bcast_detach(reader);
}

/* ---- Lapped ------------------------------------------------------------ */

static void reader_is_lapped_at_capacity_plus_1(void **state)
{
	struct bcast_reader *reader = reader_at(0);
	const void *data = NULL;

	(void)state;

	test_stream_write(&stream, CAPACITY - 1);
	assert_int_equal(bcast_peek(reader, &data), CAPACITY - 1);
	test_stream_write(&stream, 1);
	assert_int_equal(bcast_peek(reader, &data), CAPACITY);
	test_stream_write(&stream, 1);
	assert_int_equal(bcast_lag(reader), CAPACITY + 1);
	assert_int_equal(bcast_peek(reader, &data), BCAST_ELAPPED);
	expect_loss(reader, 0, 1 + CAPACITY / 8);
	expect_bytes(reader, CAPACITY - CAPACITY / 8);
	assert_int_equal(bcast_lag(reader), 0);
	bcast_detach(reader);
}

static void lapped_reader_is_told_how_much_it_lost(void **state)
{
	struct bcast_reader *reader = reader_at(0);
	struct bcast_loss loss = bcast_loss(reader);
	char byte;

	(void)state;
	assert_int_equal(loss.laps | loss.bytes | loss.to | loss.from, 0);

	test_stream_jump(&stream, 10 * CAPACITY);
	assert_int_equal(bcast_read(reader, &byte, 1), BCAST_ELAPPED);
	expect_loss(reader, 0, 9 * CAPACITY + CAPACITY / 8);
	test_stream_jump(&stream, 20 * CAPACITY);
	assert_int_equal(bcast_wait(reader, 0), BCAST_ELAPPED);
	expect_loss(reader, 9 * CAPACITY + CAPACITY / 8,
		    19 * CAPACITY + CAPACITY / 8);

	loss = bcast_loss(reader);
	assert_int_equal(loss.laps, 2);
	assert_int_equal(loss.total_bytes, 19 * CAPACITY + CAPACITY / 8);
	assert_int_equal(bcast_reader_stats(reader).laps, 2);
	assert_int_equal(bcast_reader_stats(reader).lost_bytes,
			 loss.total_bytes);
	assert_int_equal(bcast_wait(reader, 0), 1);
	bcast_detach(reader);
}

static void reservation_between_peek_and_consume_tears_the_bytes(void **state)
{
	struct bcast_reader *reader = reader_at(0);
	const void *data;

	(void)state;
	test_stream_write(&stream, CAPACITY);
	assert_int_equal(bcast_peek(reader, &data), CAPACITY);

	/* nothing is written yet, but it may be at any moment */
	bc_ring_reserve(&stream.segment.ring, 1);

	assert_int_equal(bcast_consume(reader, 10), BCAST_ELAPPED);
	expect_loss(reader, 0, 1 + CAPACITY / 8);
	assert_int_equal(bcast_consume(reader, 1), -EINVAL);
	assert_int_equal(bcast_reader_stats(reader).bytes, 0);
	bcast_detach(reader);
}

static void reader_beyond_the_reservation_is_left_alone(void **state)
{
	struct bcast_reader *reader = reader_at(0);
	const void *data;

	(void)state;
	test_stream_write(&stream, CAPACITY);
	assert_int_equal(bcast_peek(reader, &data), CAPACITY);
	assert_int_equal(bcast_consume(reader, 1), 0);

	bc_ring_reserve(&stream.segment.ring, 1);

	assert_int_equal(bcast_consume(reader, CAPACITY - 1), 0);
	assert_int_equal(bcast_loss(reader).laps, 0);
	bcast_detach(reader);
}

/* ---- The end, and worse ------------------------------------------------ */

static void closed_comes_after_the_last_byte(void **state)
{
	struct bcast_reader *reader = reader_at(0);
	const void *data;
	char byte;

	(void)state;
	test_stream_write(&stream, 100);
	bc_segment_set_state(&stream.segment, BC_STATE_DRAINING);
	expect_bytes(reader, 50);
	bc_segment_set_state(&stream.segment, BC_STATE_CLOSED);

	assert_int_equal(bcast_wait(reader, -1), 1);
	expect_bytes(reader, 50);
	assert_int_equal(bcast_peek(reader, &data), BCAST_ECLOSED);
	assert_int_equal(bcast_read(reader, &byte, 1), BCAST_ECLOSED);
	assert_int_equal(bcast_wait(reader, 0), BCAST_ECLOSED);
	assert_int_equal(bcast_wait(reader, -1), BCAST_ECLOSED);
	/* but what was there can still be read again */
	assert_int_equal(bcast_seek(reader, BCAST_FROM_OLDEST, 0), 0);
	expect_bytes(reader, 100);
	bcast_detach(reader);
}

static void damaged_head_is_told_and_never_followed(void **state)
{
	struct bcast_reader *reader;
	struct bc_head_shm *head = stream.segment.ring.head;
	const void *data = NULL;
	char byte;

	(void)state;
	test_stream_write(&stream, 1000);
	reader = reader_at(1000);

	atomic_store(&head->tail, 999);
	assert_int_equal(bcast_peek(reader, &data), BCAST_EPROTO);
	atomic_store(&head->tail, UINT64_MAX);
	assert_int_equal(bcast_peek(reader, &data), BCAST_EPROTO);
	assert_int_equal(bcast_read(reader, &byte, 1), BCAST_EPROTO);
	assert_int_equal(bcast_wait(reader, -1), BCAST_EPROTO);
	assert_null(data);
	assert_int_equal(bcast_position(reader), 1000);
	bcast_detach(reader);
}

static void reader_says_where_it_is(void **state)
{
	struct bcast_reader *reader = reader_at(0);

	(void)state;
	test_stream_write(&stream, 100);

	assert_int_equal(bcast_epoch(reader),
			 stream.segment.control->identity.epoch);
	assert_int_equal(bcast_capacity(reader), CAPACITY);
	assert_int_equal(bcast_lag(reader), 100);
	expect_bytes(reader, 30);
	assert_int_equal(bcast_position(reader), 30);
	assert_int_equal(bcast_lag(reader), 70);
	assert_int_equal(bcast_writer_alive(reader), 1);
	bcast_detach(reader);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_stream, close_stream)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_out_of_range_are_refused),
		TEST(failure_to_attach_is_passed_on),
		TEST(defaults_start_live),
		TEST(oldest_is_the_first_byte_while_nothing_was_overwritten),
		TEST(oldest_leaves_out_what_is_being_overwritten),
		TEST(position_beyond_the_tail_is_refused),
		TEST(seeking_is_not_losing),
		TEST(peek_shows_all_and_consume_takes_a_part),
		TEST(more_than_was_peeked_cannot_be_consumed),
		TEST(span_over_the_wrap_is_one_piece),
		TEST(reading_works_beyond_2_to_the_32_and_the_63),
		TEST(small_buffers_get_the_stream_in_pieces),
		TEST(reader_is_lapped_at_capacity_plus_1),
		TEST(lapped_reader_is_told_how_much_it_lost),
		TEST(reservation_between_peek_and_consume_tears_the_bytes),
		TEST(reader_beyond_the_reservation_is_left_alone),
		TEST(closed_comes_after_the_last_byte),
		TEST(damaged_head_is_told_and_never_followed),
		TEST(reader_says_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
