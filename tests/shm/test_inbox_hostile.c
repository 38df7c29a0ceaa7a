/* SPDX-License-Identifier: MIT */
/*
 * test_inbox_hostile.c - garbage in an inbox: it is reported once, counted, and
 * done away with, and the next message arrives.
 */
#include "boxes.h"

#include <pthread.h>
#include <string.h>

#include "shm/inbox_pages.h"

static struct boxes boxes;

static int set_up(void **state)
{
	(void)state;
	boxes_open(&boxes, 3);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	boxes_close(&boxes);
	return 0;
}

/* Three of one kind, and what stands there of the second. */
static struct bc_message_shm *three_messages(void)
{
	unsigned char *bytes = boxes.members[0].inbox.inbox.bytes;
	uint64_t head = boxes.members[0].inbox.head;

	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(boxes_send(&boxes, 1, i, "abc", 3), 0);
	return (struct bc_message_shm *)(void *)(bytes + (head + 96) % BC_PAGE);
}

/* `expected`: the sequences that arrive, in this order; 0 is BCAST_EPROTO. */
static void expect_messages(const uint64_t *expected, size_t count)
{
	struct bc_inbox_letter letter;

	for (size_t i = 0; i < count; i++) {
		if (expected[i] == 0) {
			assert_int_equal(boxes_take(&boxes, &letter),
					 BCAST_EPROTO);
			continue;
		}
		assert_int_equal(boxes_take(&boxes, &letter), 1);
		assert_int_equal(letter.header.sequence, expected[i]);
	}
	assert_int_equal(boxes_take(&boxes, &letter), 0);
}

/* Whatever happened: senders and reader go on. */
static void expect_good_health(void)
{
	const uint64_t expected[] = {9};

	assert_int_equal(boxes_send(&boxes, 2, 9, "x", 1), 0);
	expect_messages(expected, 1);
}

static void damaged_message_is_skipped(void **state)
{
	static const uint64_t expected[] = {1, 0, 3};

	(void)state;
	/* each byte of header, id and payload but those of the two lengths */
	for (size_t i = 4; i < 35; i++) {
		unsigned char *record = (unsigned char *)three_messages();

		record[i < 30 ? i : i < 32 ? i + 2 : i + 32] ^= 0x10;

		expect_messages(expected, 3);
		expect_good_health();
	}
	assert_int_equal(boxes_shm(&boxes)->damaged, 31);
}

static void length_that_cannot_be_drops_the_rest(void **state)
{
	static const uint32_t lengths[] = {
		4000, 4001, 4096, UINT32_MAX - 31, UINT32_MAX, 1u << 31, 130};
	static const uint64_t expected[] = {1, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		three_messages()->length = lengths[i];
		expect_messages(expected, 2);
		expect_good_health();
	}
	for (unsigned length = 0; length < 3; length++) {
		static const uint16_t ids[] = {0, BC_NAME, UINT16_MAX};

		three_messages()->id_length = ids[length];
		expect_messages(expected, 2);
		expect_good_health();
	}
}

/* Shorter than it was: what follows is not a message, and is found out. */
static void wrong_length_that_can_be_costs_no_more_than_the_rest(void **state)
{
	struct bc_inbox_letter letter;

	(void)state;
	for (uint32_t length = 0; length <= 128; length++) {
		unsigned reports = 0;
		int ret;

		three_messages()->length = length;
		assert_int_equal(boxes_take(&boxes, &letter), 1);
		do {
			ret = boxes_take(&boxes, &letter);
			reports += ret == BCAST_EPROTO;
			if (ret == 1)
				assert_true(letter.header.sequence == 3 ||
					    (length == 3 &&
					     letter.header.sequence == 2));
		} while (ret != 0);
		assert_in_range(reports, length == 3 ? 0 : 1, 4);
		expect_good_health();
	}
}

static void sealed_message_with_a_bad_id_is_dropped(void **state)
{
	static const uint64_t expected[] = {0};
	struct bc_inbox_letter letter = {.id = "a/b"};

	(void)state;
	bc_inbox_seal(&letter, "x", 1);
	assert_int_equal(boxes_put(&boxes, 1, &letter), 0);

	expect_messages(expected, 1);
}

static void cursors_that_cannot_be_are_set_right(void **state)
{
	static const uint64_t offsets[] = {1,	31,
					   16,	BC_PAGE + 32,
					   -32, UINT64_C(1) << 63,
					   -1,	UINT64_C(1) << 32};
	static const uint64_t expected[] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct bc_inbox_shm *shm = boxes_shm(&boxes);
		uint64_t head = boxes.members[0].inbox.head;

		/* a sender that has not looked for long may see it late */
		boxes.known_heads[1] = head;
		shm->tail = head + offsets[i];
		assert_int_equal(boxes_send(&boxes, 1, 1, "x", 1),
				 BCAST_EPROTO);
		assert_int_equal(shm->holder, 0);
		expect_messages(expected, 1);
		assert_int_equal(shm->tail, head);
		expect_good_health();

		head = boxes.members[0].inbox.head;
		shm->head = head + offsets[i];
		expect_messages(expected, 1);
		assert_int_equal(shm->head, head);
		expect_good_health();
	}
}

static void sender_that_misses_a_wrong_tail_loses_its_message_only(void **state)
{
	static const uint64_t expected[] = {0};

	(void)state;
	expect_good_health();
	boxes.known_heads[1] = boxes.members[0].inbox.head - 64;
	boxes_shm(&boxes)->tail -= 32;

	assert_int_equal(boxes_send(&boxes, 1, 1, "x", 1), 0);

	expect_messages(expected, 1);
	expect_good_health();
}

static void messages_survive_a_wrong_head(void **state)
{
	static const uint64_t expected[] = {0, 1, 2, 3};

	(void)state;
	three_messages();
	boxes_shm(&boxes)->head += 96;

	expect_messages(expected, 4);
}

static void tail_beyond_what_was_written_shows_nothing(void **state)
{
	struct bc_inbox_letter letter;

	(void)state;
	three_messages();
	boxes_shm(&boxes)->tail = boxes.members[0].inbox.head + BC_PAGE;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(boxes_take(&boxes, &letter), 1);
	assert_int_equal(boxes_take(&boxes, &letter), BCAST_EPROTO);

	while (boxes_take(&boxes, &letter) != 0)
		;
	expect_good_health();
}

/* ---- All the time ------------------------------------------------------ */

/* With a mapping of its own: for a sanitizer of threads it is far away. */
struct vandal {
	struct bc_inbox inbox;
	_Atomic uint32_t end;
};

static void *scribble(void *argument)
{
	struct vandal *vandal = argument;
	const struct bc_inbox *inbox = &vandal->inbox;
	uint64_t seed = 0;

	while (!vandal->end) {
		bc_u64 *words = (bc_u64 *)(void *)inbox->shm;
		uint64_t random[2];

		test_pattern_fill(seed++, 0, random, sizeof(random));
		/* cursors and counts as often as records */
		if (seed % 2 == 0)
			words = (bc_u64 *)(void *)inbox->bytes;
		atomic_store_explicit(
			&words[random[0] % (seed % 2 == 0 ? 512 : 36)],
			random[1] >> random[0] % 64, memory_order_relaxed);
	}
	return NULL;
}

static void vandal_at_work_hangs_nobody_and_forges_nothing(void **state)
{
	struct vandal vandal = {.end = 0};
	struct bc_inbox_letter letter;
	pthread_t thread;

	(void)state;
	assert_int_equal(bc_inbox_map(&vandal.inbox, &boxes.tables[1], 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, scribble, &vandal), 0);
	for (unsigned round = 0; round < 2000; round++) {
		(void)boxes_send(&boxes, 1 + round % 2, round, "abc", 3);
		for (unsigned i = 0; i < 4; i++) {
			if (boxes_take(&boxes, &letter) != 1)
				continue;
			assert_int_equal(letter.header.length, 3);
			assert_memory_equal(letter.data, "abc", 3);
		}
	}
	vandal.end = 1;
	assert_int_equal(pthread_join(thread, NULL), 0);
	bc_inbox_unmap(&vandal.inbox);

	boxes_shm(&boxes)->holder = 0; /* may name a node that lives */
	while (boxes_take(&boxes, &letter) != 0)
		;
	expect_good_health();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(damaged_message_is_skipped),
		TEST(length_that_cannot_be_drops_the_rest),
		TEST(wrong_length_that_can_be_costs_no_more_than_the_rest),
		TEST(sealed_message_with_a_bad_id_is_dropped),
		TEST(cursors_that_cannot_be_are_set_right),
		TEST(sender_that_misses_a_wrong_tail_loses_its_message_only),
		TEST(messages_survive_a_wrong_head),
		TEST(tail_beyond_what_was_written_shows_nothing),
		TEST(vandal_at_work_hangs_nobody_and_forges_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
