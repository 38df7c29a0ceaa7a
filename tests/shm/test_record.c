/* SPDX-License-Identifier: MIT */
/*
 * test_record.c - record.c: walk, flush, the rule, and what the next holder of
 * the lease finds when the last one died at this step or that.
 */
#include "each_step.h"
#include "nodes.h"
#include "records.h"

#include <string.h>

static struct test_nodes nodes;
static struct bc_ring ring;
static struct bc_head_shm *head;

/* A stream of packets, shown by header, with no record yet. */
static int open_stream(void **state)
{
	(void)state;
	test_nodes_open_packets(&nodes, 2);
	ring = nodes.stream.segment.ring;
	head = ring.head;
	bc_record_set_rule(&ring, BC_RULE_HEADER);
	return 0;
}

static int close_stream(void **state)
{
	(void)state;
	test_nodes_close(&nodes);
	return 0;
}

/* `count` records of 40 bytes (96 in the ring); returns where they end. */
static struct bc_record_place put(struct bc_record_place at, unsigned count)
{
	while (count-- > 0)
		records_put(&ring, &at, 40);
	return at;
}

#define BIRTH	   records_place(0, 1)
#define NINETY_SIX 96u

static void assert_place(struct bc_record_place place, uint64_t position,
			 uint64_t sequence)
{
	assert_int_equal(place.position, position);
	assert_int_equal(place.sequence, sequence);
}

static void assert_settled(uint64_t position, uint64_t sequence)
{
	assert_place(bc_record_tail(&ring), position, sequence);
}

/* ---- Sizes ------------------------------------------------------------- */

static void largest_record_is_a_quarter_or_the_largest_payload(void **state)
{
	(void)state;
	assert_int_equal(bc_record_max(1 << 16), 1 << 14);
	assert_int_equal(bc_record_max(UINT64_C(1) << 26), 1 << 24);
	assert_int_equal(bc_record_max(UINT64_C(1) << 27),
			 (1 << 24) + BC_RECORD_HEADER);
	assert_int_equal(bc_record_max(UINT64_C(1) << 40),
			 (1 << 24) + BC_RECORD_HEADER);
}

static void size_of_a_record_is_a_multiple_of_its_alignment(void **state)
{
	(void)state;
	assert_int_equal(bcast_packet_size(0), 32);
	assert_int_equal(bcast_packet_size(1), 64);
	assert_int_equal(bcast_packet_size(31), 64);
	assert_int_equal(bcast_packet_size(32), 64);
	assert_int_equal(bcast_packet_size(33), 96);
	assert_true(bcast_packet_size(UINT32_MAX) > UINT32_MAX);
}

static void packet_in_a_span_never_reaches_beyond_it(void **state)
{
	struct bcast_packet_header span[4] = {{.length = 33}};

	(void)state;
	assert_ptr_equal(bcast_packet_in(span, 96, 0), span);
	assert_null(bcast_packet_in(span, 95, 0));
	assert_null(bcast_packet_in(span, 31, 0));
	assert_null(bcast_packet_in(span, 0, 0));
	assert_null(bcast_packet_in(span, 96, 96));
	span[0].length = UINT32_MAX;
	assert_null(bcast_packet_in(span, sizeof(span), 0));
	/* the length may have changed since it was judged: `at` is anything */
	assert_null(bcast_packet_in(span, 96, 97));
	assert_null(bcast_packet_in(span, 96, bcast_packet_size(UINT32_MAX)));
	assert_null(bcast_packet_in(span, 96, SIZE_MAX & ~(size_t)31));
}

/* ---- Shown ------------------------------------------------------------- */

static void record_is_shown_by_its_own_number_only(void **state)
{
	uint32_t rule = bc_record_rule(&ring);

	(void)state;
	assert_false(bc_record_is_shown(&ring, 0, 1, rule));
	(void)put(BIRTH, 1);
	assert_true(bc_record_is_shown(&ring, 0, 1, rule));
	assert_false(bc_record_is_shown(&ring, 0, 2, rule));
	assert_false(bc_record_is_shown(&ring, NINETY_SIX, 2, rule));
}

static void header_is_not_believed_once_the_rule_has_changed(void **state)
{
	uint32_t rule = bc_record_rule(&ring);
	struct bc_record_place at = put(BIRTH, 1);

	(void)state;
	bc_record_flush(&ring, at.position, at.sequence);
	bc_record_set_rule(&ring, BC_RULE_TAIL);
	assert_false(bc_record_is_shown(&ring, 0, 1, rule));
	assert_false(bc_record_is_shown(&ring, 0, 1, bc_record_rule(&ring)));
	/* nor when it has changed twice, and is the same again */
	bc_record_set_rule(&ring, BC_RULE_HEADER);
	assert_false(bc_record_is_shown(&ring, 0, 1, rule));
	assert_true(bc_record_is_shown(&ring, 0, 1, bc_record_rule(&ring)));
}

static void rule_counts_its_changes_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(head->publish_rule, 1);
	bc_record_set_rule(&ring, BC_RULE_HEADER);
	assert_int_equal(head->publish_rule, 1);
	bc_record_set_rule(&ring, BC_RULE_TAIL);
	assert_int_equal(head->publish_rule, 2);
	bc_record_set_rule(&ring, BC_RULE_TAIL);
	assert_int_equal(head->publish_rule, 2);
}

static void place_at_the_tail_is_cleared_before_headers_count(void **state)
{
	struct bcast_packet_header *header = bc_record_at(&ring, 0);

	(void)state;
	bc_record_set_rule(&ring, BC_RULE_TAIL);
	header->sequence = 1; /* what bytes of a sender may look like */
	bc_record_set_rule(&ring, BC_RULE_HEADER);
	assert_int_equal(header->sequence, 0);
	assert_int_equal(head->reserved, BC_RECORD_HEADER);
}

/* ---- Walk -------------------------------------------------------------- */

static void walk_goes_to_the_last_record_that_is_shown(void **state)
{
	struct bc_record_place at = put(BIRTH, 5);

	(void)state;
	records_reserve(&ring, at.position + 1000);
	records_write(&ring, at, 40); /* being written */
	assert_place(bc_record_walk(&ring, BIRTH, 4096), 5 * NINETY_SIX, 6);
	assert_place(
		bc_record_walk(&ring, records_place(2 * NINETY_SIX, 3), 4096),
		5 * NINETY_SIX, 6);
	assert_place(bc_record_walk(&ring, at, 4096), at.position, 6);
}

static void walk_needs_to_know_the_number(void **state)
{
	(void)state;
	(void)put(BIRTH, 5);
	assert_place(bc_record_walk(&ring, records_place(0, 0), 4096), 0, 0);
	assert_place(bc_record_walk(&ring, records_place(0, 2), 4096), 0, 2);
	bc_record_set_rule(&ring, BC_RULE_TAIL);
	assert_place(bc_record_walk(&ring, BIRTH, 4096), 0, 1);
}

static void walk_ends_after_the_bytes_that_it_may_go(void **state)
{
	(void)state;
	(void)put(BIRTH, 5);
	assert_place(bc_record_walk(&ring, BIRTH, 0), 0, 1);
	assert_place(bc_record_walk(&ring, BIRTH, 1), NINETY_SIX, 2);
	assert_place(bc_record_walk(&ring, BIRTH, 95), NINETY_SIX, 2);
	assert_place(bc_record_walk(&ring, BIRTH, 96), NINETY_SIX, 2);
	assert_place(bc_record_walk(&ring, BIRTH, 97), 2 * NINETY_SIX, 3);
}

static void walk_is_not_led_astray_by_a_length(void **state)
{
	static const uint32_t lengths[] = {(1 << 14) - 31, UINT32_MAX,
					   BCAST_PAYLOAD_MAX};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		(void)put(BIRTH, 3);
		bc_record_at(&ring, NINETY_SIX)->length = lengths[i];
		assert_place(bc_record_walk(&ring, BIRTH, 1 << 16), NINETY_SIX,
			     2);
	}
	/* the largest that can be, but not within what is reserved */
	(void)put(BIRTH, 3);
	bc_record_at(&ring, NINETY_SIX)->length = (1 << 14) - 32;
	assert_place(bc_record_walk(&ring, BIRTH, 1 << 16), NINETY_SIX, 2);
	records_reserve(&ring, NINETY_SIX + (1 << 14) - 1);
	assert_place(bc_record_walk(&ring, BIRTH, 1 << 16), NINETY_SIX, 2);
	records_reserve(&ring, NINETY_SIX + (1 << 14));
	assert_place(bc_record_walk(&ring, BIRTH, 1 << 16),
		     NINETY_SIX + (1 << 14), 3);
}

static void walk_over_what_is_being_overwritten_goes_nowhere(void **state)
{
	(void)state;
	(void)put(BIRTH, 3);
	atomic_store(&head->reserved, ring.capacity);
	assert_place(bc_record_walk(&ring, BIRTH, 4096), 3 * NINETY_SIX, 4);
	/* the lengths that it went by may be new ones, in the midst of a lap */
	atomic_store(&head->reserved, ring.capacity + 1);
	assert_place(bc_record_walk(&ring, BIRTH, 4096), 0, 1);
}

/* ---- Flush and its reader ---------------------------------------------- */

static void tail_that_is_being_moved_has_no_number(void **state)
{
	struct bc_record_place at = put(BIRTH, 2);

	(void)state;
	assert_settled(0, 1);
	atomic_store(&head->sequence_before, at.sequence);
	assert_settled(0, 0);
	atomic_store(&head->tail, at.position);
	assert_settled(at.position, 0);
	atomic_store(&head->sequence_after, at.sequence);
	assert_settled(at.position, 3);
}

static void flush_moves_tail_and_number(void **state)
{
	struct bc_record_place at = put(BIRTH, 7);

	(void)state;
	bc_record_flush(&ring, at.position, at.sequence);
	assert_settled(7 * NINETY_SIX, 8);
}

/* ---- Takeover ---------------------------------------------------------- */

/* The next holder goes on at this place, and it publishes and is read. */
static void assert_taker_goes_on(uint64_t position, uint64_t sequence)
{
	struct bc_record_place at = {0};

	assert_int_equal(bc_record_takeover(&ring, &at), 0);
	assert_place(at, position, sequence);
	assert_settled(position, sequence);
	bc_record_set_rule(&ring, BC_RULE_HEADER);
	assert_place(bc_record_walk(&ring, at, 4096), position, sequence);
	at = put(at, 1);
	assert_place(
		bc_record_walk(&ring, records_place(position, sequence), 4096),
		at.position, at.sequence);
	assert_true(records_is_right(sequence,
				     bc_record_at(&ring, position) + 1, 40));
}

static void taker_of_an_empty_stream_begins_at_its_birth(void **state)
{
	(void)state;
	assert_taker_goes_on(0, 1);
}

static void taker_goes_on_behind_what_was_never_flushed(void **state)
{
	(void)state;
	(void)put(BIRTH, 5);
	assert_taker_goes_on(5 * NINETY_SIX, 6);
}

static void death_before_the_tail_moved(void **state)
{
	struct bc_record_place first = put(BIRTH, 2), at;

	(void)state;
	bc_record_flush(&ring, first.position, first.sequence);
	at = put(first, 3);
	atomic_store(&head->sequence_before, at.sequence);
	assert_taker_goes_on(5 * NINETY_SIX, 6);
}

static void death_after_the_tail_moved(void **state)
{
	struct bc_record_place first = put(BIRTH, 2), at;

	(void)state;
	bc_record_flush(&ring, first.position, first.sequence);
	at = put(first, 3);
	atomic_store(&head->sequence_before, at.sequence);
	atomic_store(&head->tail, at.position);
	assert_taker_goes_on(5 * NINETY_SIX, 6);
}

static void death_after_the_whole_flush(void **state)
{
	struct bc_record_place at = put(BIRTH, 5);

	(void)state;
	bc_record_flush(&ring, at.position, at.sequence);
	assert_taker_goes_on(5 * NINETY_SIX, 6);
}

/* A taker's own flush goes where the dead one's was going. */
static void taker_that_dies_in_its_own_flush_is_taken_over_too(void **state)
{
	struct bc_record_place first = put(BIRTH, 2), at, found;

	(void)state;
	bc_record_flush(&ring, first.position, first.sequence);
	at = put(first, 3);
	for (unsigned taker = 0; taker < 3; taker++) {
		/* by one of them: before its tail, then after it */
		atomic_store(&head->sequence_before, at.sequence);
		atomic_store(&head->tail,
			     taker < 2 ? first.position : at.position);
		atomic_store(&head->sequence_after, first.sequence);
		assert_int_equal(bc_record_takeover(&ring, &found), 0);
		assert_place(found, at.position, at.sequence);
	}
	assert_taker_goes_on(5 * NINETY_SIX, 6);
}

static void death_at_each_step_of_a_record(void **state)
{
	struct bc_record_place at = put(BIRTH, 5);
	uint64_t end = at.position + NINETY_SIX;
	unsigned step;

	(void)state;
	for (step = 0; step < 4; step++) {
		struct bc_record_place found;

		if (step == 0)
			records_reserve(&ring, end + BC_RECORD_HEADER);
		if (step == 1)
			records_write(&ring, at, 40);
		if (step == 2)
			bc_record_invalidate(&ring, end);
		if (step == 3)
			bc_record_show(&ring, at.position, at.sequence);
		assert_int_equal(bc_record_takeover(&ring, &found), 0);
		assert_int_equal(found.sequence, step == 3 ? 7 : 6);
		assert_int_equal(found.position, step == 3 ? end : at.position);
	}
	assert_taker_goes_on(end, 7);
}

static void death_in_a_batch_publishes_none_of_it(void **state)
{
	struct bc_record_place at = put(BIRTH, 2), second, third;

	(void)state;
	second = records_place(at.position + NINETY_SIX, at.sequence + 1);
	third = records_place(second.position + NINETY_SIX, at.sequence + 2);
	records_reserve(&ring, third.position + 4096);
	records_write(&ring, at, 40);
	records_write(&ring, second, 40);
	bc_record_show(&ring, second.position, second.sequence);
	records_write(&ring, third, 40);
	bc_record_show(&ring, third.position, third.sequence);
	/* the first one's number is what the commit would have stored */
	assert_taker_goes_on(2 * NINETY_SIX, 3);
}

/* The taker's first record ends where the dead one's second began. */
static void left_overs_of_a_batch_are_not_joined_to_new_records(void **state)
{
	struct bc_record_place at = put(BIRTH, 2), second;

	(void)state;
	second = records_place(at.position + NINETY_SIX, at.sequence + 1);
	records_reserve(&ring, second.position + 4096);
	records_write(&ring, at, 40);
	records_write(&ring, second, 40);
	bc_record_show(&ring, second.position, second.sequence);
	assert_int_equal(bc_record_takeover(&ring, &at), 0);
	at = put(at, 1);
	assert_place(bc_record_walk(&ring, BIRTH, 1 << 16), at.position, 4);
	assert_taker_goes_on(at.position, 4);
}

static void death_at_each_step_of_a_change_to_header(void **state)
{
	struct bc_record_place at = put(BIRTH, 3);

	(void)state;
	bc_record_flush(&ring, at.position, at.sequence);
	bc_record_set_rule(&ring, BC_RULE_TAIL);
	/* bytes that nobody had checked look like the next record */
	(void)records_write(&ring, at, 40);
	bc_record_show(&ring, at.position, at.sequence);
	(void)bc_ring_reserve(&ring, BC_RECORD_HEADER);
	assert_int_equal(bc_record_takeover(&ring, &at), 0);
	assert_place(at, 3 * NINETY_SIX, 4);
	bc_record_invalidate(&ring, at.position);
	assert_int_equal(bc_record_takeover(&ring, &at), 0);
	assert_place(at, 3 * NINETY_SIX, 4);
	atomic_fetch_add(&head->publish_rule, 1);
	assert_taker_goes_on(3 * NINETY_SIX, 4);
}

static void taker_walks_over_the_whole_ring_if_it_must(void **state)
{
	struct bc_record_place at = BIRTH;

	(void)state;
	while (at.position + NINETY_SIX + BC_RECORD_HEADER <= ring.capacity)
		at = put(at, 1);
	atomic_store(&head->reserved, ring.capacity);
	assert_int_equal(bc_record_takeover(&ring, &at), 0);
	assert_settled(682 * NINETY_SIX, 683);
}

static void takeover_far_into_the_stream(void **state)
{
	static const uint64_t starts[] = {UINT32_MAX - 63u, INT64_MAX - 65535u};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t start = starts[i] & ~UINT64_C(31);
		struct bc_record_place at = {start, UINT32_MAX};

		test_stream_jump(&nodes.stream, start);
		atomic_store(&head->sequence_before, UINT32_MAX);
		atomic_store(&head->sequence_after, UINT32_MAX);
		bc_record_invalidate(&ring, start);
		(void)put(at, 3);
		assert_taker_goes_on(start + 3 * NINETY_SIX,
				     UINT64_C(3) + UINT32_MAX);
	}
}

static void head_that_cannot_be_is_not_taken_over(void **state)
{
	struct bc_record_place at = {77, 77};

	(void)state;
	atomic_store(&head->tail, 64);
	assert_int_equal(bc_record_takeover(&ring, &at), BCAST_EPROTO);
	atomic_store(&head->reserved, 64 + ring.capacity + 1);
	assert_int_equal(bc_record_takeover(&ring, &at), BCAST_EPROTO);
	atomic_store(&head->reserved, 64 + ring.capacity);
	assert_int_equal(bc_record_takeover(&ring, &at), 0);
	atomic_store(&head->tail, 65);
	assert_int_equal(bc_record_takeover(&ring, &at), BCAST_EPROTO);
	atomic_store(&head->tail, 64);
	atomic_store(&head->sequence_before, 0);
	at = records_place(77, 77);
	assert_int_equal(bc_record_takeover(&ring, &at), BCAST_EPROTO);
	assert_place(at, 77, 77);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_stream, close_stream)

/* ---- By tail, as a daemon does ----------------------------------------- */

/* Bytes that nobody has checked, which look like record `sequence`. */
static void receive(struct bc_record_place place, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		records_write(&ring, place, 40);
		bc_record_at(&ring, place.position)->sequence = place.sequence;
		place = records_place(place.position + NINETY_SIX,
				      place.sequence + 1);
	}
}

static void publication_by_tail_moves_the_head_and_leaves_the_rest(void **state)
{
	struct bc_record_place begun = records_place(2 * NINETY_SIX, 77);
	uint32_t count = head->publish_count;

	(void)state;
	bc_record_set_rule(&ring, BC_RULE_TAIL);
	records_reserve(&ring, 3 * NINETY_SIX);
	receive(BIRTH, 2);
	receive(begun, 1);

	bc_record_publish(&ring, 2 * NINETY_SIX, 3, 123);

	assert_settled(2 * NINETY_SIX, 3);
	assert_int_equal(head->publish_count, count + 1);
	assert_int_equal(head->published_ns, 123);
	assert_int_equal(bc_record_at(&ring, begun.position)->sequence, 77);
}

static void publish_twice_by_tail(void *argument)
{
	(void)argument;
	bc_record_publish(&ring, NINETY_SIX, 2, 1);
	bc_record_publish(&ring, 3 * NINETY_SIX, 4, 1);
}

/* Whoever takes the lease now goes on at the tail, with its own number. */
static void look_as_taker(void *argument)
{
	struct bc_head_shm saved;
	struct bc_record_place place;

	(void)argument;
	memcpy(&saved, head, sizeof(saved));
	assert_int_equal(bc_record_takeover(&ring, &place), 0);
	assert_int_equal(place.position, saved.tail);
	assert_int_equal(place.sequence, saved.tail / NINETY_SIX + 1);
	assert_settled(place.position, place.sequence);
	memcpy(head, &saved, sizeof(saved));
}

static void death_at_any_instruction_of_a_publication_by_tail(void **state)
{
	(void)state;
	bc_record_set_rule(&ring, BC_RULE_TAIL);
	records_reserve(&ring, 8 * NINETY_SIX);
	receive(BIRTH, 3);
	/* behind them: what carries the numbers that are just going out */
	bc_record_at(&ring, 3 * NINETY_SIX)->sequence = 2;

	(void)each_step(publish_twice_by_tail, look_as_taker, NULL);

	assert_settled(3 * NINETY_SIX, 4);
	assert_int_equal(bc_record_at(&ring, 3 * NINETY_SIX)->sequence, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(largest_record_is_a_quarter_or_the_largest_payload),
		TEST(size_of_a_record_is_a_multiple_of_its_alignment),
		TEST(packet_in_a_span_never_reaches_beyond_it),
		TEST(record_is_shown_by_its_own_number_only),
		TEST(header_is_not_believed_once_the_rule_has_changed),
		TEST(rule_counts_its_changes_and_nothing_else),
		TEST(place_at_the_tail_is_cleared_before_headers_count),
		TEST(walk_goes_to_the_last_record_that_is_shown),
		TEST(walk_needs_to_know_the_number),
		TEST(walk_ends_after_the_bytes_that_it_may_go),
		TEST(walk_is_not_led_astray_by_a_length),
		TEST(walk_over_what_is_being_overwritten_goes_nowhere),
		TEST(tail_that_is_being_moved_has_no_number),
		TEST(flush_moves_tail_and_number),
		TEST(taker_of_an_empty_stream_begins_at_its_birth),
		TEST(taker_goes_on_behind_what_was_never_flushed),
		TEST(death_before_the_tail_moved),
		TEST(death_after_the_tail_moved),
		TEST(death_after_the_whole_flush),
		TEST(taker_that_dies_in_its_own_flush_is_taken_over_too),
		TEST(death_at_each_step_of_a_record),
		TEST(death_in_a_batch_publishes_none_of_it),
		TEST(left_overs_of_a_batch_are_not_joined_to_new_records),
		TEST(death_at_each_step_of_a_change_to_header),
		TEST(taker_walks_over_the_whole_ring_if_it_must),
		TEST(takeover_far_into_the_stream),
		TEST(head_that_cannot_be_is_not_taken_over),
		TEST(publication_by_tail_moves_the_head_and_leaves_the_rest),
		TEST(death_at_any_instruction_of_a_publication_by_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
