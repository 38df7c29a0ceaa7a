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
	test_nodes_close(&raw);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
