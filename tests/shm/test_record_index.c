/* SPDX-License-Identifier: MIT */
/* test_record_index.c - record_index.c: places, and the ways between them. */
#include "nodes.h"
#include "records.h"

#include <errno.h>

#include "shm/record_index.h"

#define SIZE   96u
#define LENGTH 40u

static struct test_nodes nodes;
static struct bc_segment *segment;
static struct bc_ring ring;
static struct bc_index_shm *entries;
static struct bc_record_place end;

static int open_stream(void **state)
{
	(void)state;
	test_nodes_open_packets(&nodes, 2);
	segment = &nodes.stream.segment;
	ring = segment->ring;
	entries =
		(struct bc_index_shm *)(void *)segment->regions[BC_REGION_INDEX]
			.base;
	bc_record_set_rule(&ring, BC_RULE_HEADER);
	end = records_place(0, 1);
	return 0;
}

static int close_stream(void **state)
{
	(void)state;
	test_nodes_close(&nodes);
	return 0;
}

static void put(unsigned count)
{
	while (count-- > 0)
		records_put(&ring, &end, LENGTH);
	bc_record_flush(&ring, end.position, end.sequence);
}

static void put_and_add(unsigned count)
{
	put(count);
	bc_record_index_add(segment, end, 5);
}

static void assert_place(struct bc_record_place place, uint64_t position,
			 uint64_t sequence)
{
	assert_int_equal(place.position, position);
	assert_int_equal(place.sequence, sequence);
}

static void assert_exact(uint64_t position, uint64_t sequence)
{
	struct bc_record_place place;

	assert_int_equal(bc_record_index_exact(segment, position, &place), 0);
	assert_place(place, position, sequence);
}

static void from_is_the_first_place_not_before(void **state)
{
	(void)state;
	put_and_add(10);
	put_and_add(10);
	put_and_add(10);
	put(5);
	assert_place(bc_record_index_from(segment, 0), 10 * SIZE, 11);
	assert_place(bc_record_index_from(segment, 10 * SIZE - 1), 10 * SIZE,
		     11);
	assert_place(bc_record_index_from(segment, 10 * SIZE), 10 * SIZE, 11);
	assert_place(bc_record_index_from(segment, 10 * SIZE + 1), 20 * SIZE,
		     21);
	assert_place(bc_record_index_from(segment, 30 * SIZE + 1), 35 * SIZE,
		     36);
	assert_place(bc_record_index_from(segment, UINT64_MAX), 35 * SIZE, 36);
}

static void without_entries_there_is_only_the_tail(void **state)
{
	(void)state;
	put(3);
	assert_place(bc_record_index_from(segment, 0), 3 * SIZE, 4);
}

static void entry_that_is_being_written_is_passed_over(void **state)
{
	(void)state;
	put_and_add(10);
	put_and_add(10);
	entries[0].position = 0;
	assert_place(bc_record_index_from(segment, 0), 20 * SIZE, 21);
	assert_exact(15 * SIZE, 16);
}

static void death_at_each_step_of_an_entry_leaves_the_others(void **state)
{
	(void)state;
	put_and_add(10);
	put_and_add(10);
	put(10);
	entries[2].position = 0;
	assert_place(bc_record_index_from(segment, 20 * SIZE + 1), 30 * SIZE,
		     31);
	entries[2].sequence = end.sequence;
	assert_exact(25 * SIZE, 26);
	entries[2].position = end.position;
	assert_exact(30 * SIZE, 31);
	/* written has not grown, so the next one takes the same entry */
	put_and_add(10);
	assert_int_equal(entries[2].position, 40 * SIZE);
	assert_int_equal(segment->control->index_head.written, 3);
	assert_exact(35 * SIZE, 36);
}

static void damaged_entries_are_passed_over(void **state)
{
	(void)state;
	put_and_add(10);
	put_and_add(10);
	put_and_add(10);
	entries[0].position += 1;
	entries[1].sequence = 0;
	assert_place(bc_record_index_from(segment, 0), 30 * SIZE, 31);
	assert_exact(25 * SIZE, 26);
}

static void exact_is_each_record_and_nothing_between(void **state)
{
	struct bc_record_place place = {7, 7};

	(void)state;
	put_and_add(10);
	put_and_add(10);
	put(5);
	for (unsigned i = 0; i <= 25; i++)
		assert_exact((uint64_t)i * SIZE, i + 1);
	for (unsigned i = 0; i < 25; i++) {
		assert_int_equal(
			bc_record_index_exact(segment, i * SIZE + 32, &place),
			-EINVAL);
		assert_int_equal(
			bc_record_index_exact(segment, i * SIZE + 64, &place),
			-EINVAL);
	}
	assert_place(place, 7, 7);
}

static void way_that_is_gone_is_called_so(void **state)
{
	struct bc_record_place place;

	(void)state;
	put_and_add(700);
	put_and_add(1);
	assert_int_equal(bc_record_index_exact(segment, 690 * SIZE, &place),
			 BCAST_ELAPPED);
	assert_exact(700 * SIZE, 701);
	assert_exact(701 * SIZE, 702);
}

static void wrong_entry_is_found_out_by_the_numbers(void **state)
{
	struct bc_record_place place;

	(void)state;
	put_and_add(10);
	put(10);
	entries[0].sequence = 12;
	assert_int_equal(bc_record_index_exact(segment, 15 * SIZE, &place),
			 -EINVAL);
}

static void newest_entries_replace_the_oldest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BC_RECORD_INDEX_ENTRIES + 3; i++)
		put_and_add(1);
	assert_int_equal(entries[2].position,
			 (BC_RECORD_INDEX_ENTRIES + 3) * SIZE);
	assert_place(bc_record_index_from(segment, 0), 4 * SIZE, 5);
}

static void stream_of_bytes_has_no_index(void **state)
{
	struct test_nodes raw;

	(void)state;
	test_nodes_open(&raw, 2);
	test_stream_write(&raw.stream, 100);
	bc_record_index_add(&raw.stream.segment, records_place(64, 2), 1);
	assert_int_equal(bc_record_index_from(&raw.stream.segment, 0).position,
			 100);
	assert_int_equal(raw.stream.segment.control->index_head.written, 0);
	assert_int_equal(bc_record_index_boundary(&raw.stream.segment, 0, 100),
			 0);
	test_nodes_close(&raw);
}

/* ---- By number --------------------------------------------------------- */

static void assert_sequence(uint64_t sequence, uint64_t position)
{
	struct bc_record_place place;

	assert_int_equal(bc_record_index_sequence(segment, sequence, &place),
			 0);
	assert_place(place, position, sequence);
}

static void each_record_is_found_by_its_number(void **state)
{
	(void)state;
	put_and_add(10);
	put_and_add(10);
	put(5);
	for (unsigned i = 0; i <= 25; i++)
		assert_sequence(i + 1, (uint64_t)i * SIZE);
}

static void number_of_no_record_is_refused(void **state)
{
	struct bc_record_place place = {7, 7};

	(void)state;
	put_and_add(3);
	assert_int_equal(bc_record_index_sequence(segment, 0, &place), -EINVAL);
	assert_sequence(4, 3 * SIZE);
	assert_int_equal(bc_record_index_sequence(segment, 5, &place), -EINVAL);
	assert_int_equal(bc_record_index_sequence(segment, UINT64_MAX, &place),
			 -EINVAL);
	assert_place(place, 7, 7);
}

static void records_ahead_of_the_tail_are_found_by_number(void **state)
{
	struct bc_record_place place;

	(void)state;
	put_and_add(3);
	records_put(&ring, &end, LENGTH);
	records_put(&ring, &end, LENGTH);
	assert_sequence(5, 4 * SIZE);
	assert_sequence(6, 5 * SIZE);
	assert_int_equal(bc_record_index_sequence(segment, 7, &place), -EINVAL);
}

static void number_that_is_gone_leads_to_the_oldest(void **state)
{
	struct bc_record_place place;
	uint64_t oldest;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		put_and_add(10);
	oldest = bc_ring_oldest(&ring);

	assert_int_equal(bc_record_index_sequence(segment, 5, &place),
			 BCAST_ELAPPED);
	assert_in_range(place.position, oldest, oldest + 10 * SIZE);
	assert_int_equal(place.sequence, place.position / SIZE + 1);

	/* the last that is gone, and the first that is not */
	assert_int_equal(
		bc_record_index_sequence(segment, oldest / SIZE + 1, &place),
		BCAST_ELAPPED);
	assert_sequence(place.sequence, place.position);
}

/* ---- By time ----------------------------------------------------------- */

/* One record, published at that time; and its place into the index. */
static void put_at(uint64_t time_ns)
{
	struct bc_record_place at = end;

	records_put(&ring, &end, LENGTH);
	bc_record_at(&ring, at.position)->timestamp_ns = time_ns;
	bc_record_flush(&ring, end.position, end.sequence);
}

/* Ten, a second apart, then an entry. */
static void put_ten_from(uint64_t time_ns)
{
	for (unsigned i = 0; i < 10; i++)
		put_at(time_ns + i);
	bc_record_index_add(segment, end, time_ns + 9);
}

static void assert_time(uint64_t time_ns, uint64_t sequence)
{
	struct bc_record_place place;

	assert_int_equal(bc_record_index_time(segment, time_ns, &place), 0);
	assert_place(place, (sequence - 1) * SIZE, sequence);
}

static void first_record_not_before_a_time_is_found(void **state)
{
	(void)state;
	put_ten_from(1000);
	put_ten_from(1010);
	put_ten_from(1030);
	put_at(1050);
	put_at(1060);

	assert_time(0, 1);
	assert_time(1000, 1);
	for (unsigned i = 0; i < 20; i++)
		assert_time(1000 + i, i + 1);
	assert_time(1020, 21);
	assert_time(1029, 21);
	assert_time(1031, 22);
	assert_time(1040, 31);
	assert_time(1051, 32);
	assert_time(1060, 32);
}

static void first_of_many_of_one_time_is_found(void **state)
{
	(void)state;
	put_ten_from(1000);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 0; k < 10; k++)
			put_at(1010);
		bc_record_index_add(segment, end, 1010);
	}
	put_ten_from(1011);
	assert_time(1010, 11);
	assert_time(1011, 41);
}

static void time_to_come_is_the_end(void **state)
{
	(void)state;
	assert_time(5, 1);
	put_ten_from(1000);
	put_at(1010);
	assert_time(1011, 12);
	assert_time(UINT64_MAX, 12);
}

static void records_without_a_time_are_found_by_the_index(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		put(10);
		bc_record_index_add(segment, end, 1000 * i);
	}
	put(3);
	assert_time(1500, 21);
	assert_time(2000, 21);
	assert_time(2001, 31);
	assert_time(9000, 54);
}

static void clock_that_was_set_back_hides_nothing(void **state)
{
	(void)state;
	put_ten_from(1000);
	put_ten_from(2000);
	put_ten_from(1000);
	assert_time(1005, 6);
	assert_time(2001, 12);
	assert_time(2010, 31);
}

static void time_that_is_gone_leads_to_the_oldest(void **state)
{
	struct bc_record_place place;
	uint64_t oldest;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		put_ten_from(1000 + 10 * i);
	oldest = bc_ring_oldest(&ring);

	assert_int_equal(bc_record_index_time(segment, 1003, &place),
			 BCAST_ELAPPED);
	assert_in_range(place.position, oldest, oldest + 10 * SIZE);
	assert_int_equal(place.sequence, place.position / SIZE + 1);
	/* the time of the one before it */
	assert_int_equal(
		bc_record_index_time(segment, 998 + place.sequence, &place),
		BCAST_ELAPPED);
	/* by the index, all before it were earlier */
	assert_time(999 + place.sequence, place.sequence);
	assert_time(1000 + place.sequence, place.sequence + 1);
	assert_time(2999, 2000);
}

/* ---- Boundaries -------------------------------------------------------- */

static uint64_t boundary(uint64_t from, uint64_t to)
{
	return bc_record_index_boundary(segment, from, to);
}

static void boundary_is_the_last_one_up_to_there(void **state)
{
	(void)state;
	assert_int_equal(boundary(0, UINT64_MAX), 0);
	for (unsigned i = 0; i < 7; i++)
		put_and_add(10);
	for (uint64_t i = 1; i <= 7; i++) {
		uint64_t at = 10 * i * SIZE;

		assert_int_equal(boundary(0, at - 1), at - 10 * SIZE);
		assert_int_equal(boundary(0, at), at);
		assert_int_equal(boundary(0, at + 1), at);
		assert_int_equal(boundary(at - 1, at), at);
		assert_int_equal(boundary(at, at), 0);
		assert_int_equal(boundary(at, at + 10 * SIZE - 1), 0);
	}
	assert_int_equal(boundary(70 * SIZE, UINT64_MAX), 0);
}

static void boundaries_are_found_all_around_the_index(void **state)
{
	const uint64_t count = BC_RECORD_INDEX_ENTRIES;

	(void)state;
	for (uint64_t i = 1; i <= 3 * count + 1; i++) {
		put_and_add(1);
		assert_int_equal(boundary(0, UINT64_MAX), i * SIZE);
		assert_int_equal(boundary(0, i * SIZE - 1), (i - 1) * SIZE);
		/* the oldest might just be written over */
		if (i > count) {
			uint64_t least = (i - count + 2) * SIZE;

			assert_int_equal(boundary(0, least), least);
			assert_int_equal(boundary(0, least - SIZE), 0);
		}
	}
}

static void boundary_that_is_being_replaced_is_none(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		put_and_add(1);
	entries[1].position = 0;
	assert_int_equal(boundary(0, 2 * SIZE), SIZE);
	entries[0].position = 1000 * SIZE;
	assert_int_equal(boundary(0, 2 * SIZE), 0);
	entries[0].position = SIZE + 1;
	assert_int_equal(boundary(0, SIZE + 8), 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_stream, close_stream)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(from_is_the_first_place_not_before),
		TEST(without_entries_there_is_only_the_tail),
		TEST(entry_that_is_being_written_is_passed_over),
		TEST(death_at_each_step_of_an_entry_leaves_the_others),
		TEST(damaged_entries_are_passed_over),
		TEST(exact_is_each_record_and_nothing_between),
		TEST(way_that_is_gone_is_called_so),
		TEST(wrong_entry_is_found_out_by_the_numbers),
		TEST(newest_entries_replace_the_oldest),
		TEST(stream_of_bytes_has_no_index),
		TEST(each_record_is_found_by_its_number),
		TEST(number_of_no_record_is_refused),
		TEST(records_ahead_of_the_tail_are_found_by_number),
		TEST(number_that_is_gone_leads_to_the_oldest),
		TEST(first_record_not_before_a_time_is_found),
		TEST(first_of_many_of_one_time_is_found),
		TEST(time_to_come_is_the_end),
		TEST(records_without_a_time_are_found_by_the_index),
		TEST(clock_that_was_set_back_hides_nothing),
		TEST(time_that_is_gone_leads_to_the_oldest),
		TEST(boundary_is_the_last_one_up_to_there),
		TEST(boundaries_are_found_all_around_the_index),
		TEST(boundary_that_is_being_replaced_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
