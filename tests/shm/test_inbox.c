/* SPDX-License-Identifier: MIT */
/*
 * test_inbox.c - what is put in comes out, in order, whole, and only as much as
 * there is room for; who sleeps on it is woken.
 */
#include "boxes.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "shm/clock.h"

#define CAPACITY BC_PAGE
#define LIMIT	 (CAPACITY - 96u)
#define HEAD	 64u /* of a record whose id has up to 32 characters */

static struct boxes boxes;

static int set_up(void **state)
{
	(void)state;
	boxes_open(&boxes, 5);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	boxes_close(&boxes);
	return 0;
}

static void message_comes_out_as_it_went_in(void **state)
{
	struct bc_inbox_letter letter;

	(void)state;
	assert_int_equal(boxes_take(&boxes, &letter), 0);
	assert_int_equal(boxes_send(&boxes, 1, 7, "hello", 5), 0);
	assert_int_equal(boxes_send(&boxes, 2, 8, NULL, 0), 0);

	assert_int_equal(boxes_take(&boxes, &letter), 1);

	assert_string_equal(letter.id, "m1");
	assert_int_equal(letter.header.from_slot, 1);
	assert_int_equal(letter.header.sequence, 7);
	assert_int_equal(letter.header.type, 7);
	assert_int_equal(letter.header.length, 5);
	assert_memory_equal(letter.data, "hello", 5);
	assert_int_equal(boxes_take(&boxes, &letter), 1);
	assert_string_equal(letter.id, "m2");
	assert_int_equal(letter.header.length, 0);
	assert_int_equal(boxes_take(&boxes, &letter), 0);
	assert_int_equal(boxes_shm(&boxes)->damaged, 0);
	assert_int_equal(boxes_shm(&boxes)->holder, 0);
}

static void longest_message_fits_with_the_longest_id(void **state)
{
	static unsigned char data[LIMIT];
	struct bc_inbox_letter letter = {.header.sequence = 1};

	(void)state;
	assert_int_equal(bc_inbox_limit(CAPACITY), LIMIT);
	test_pattern_fill(TEST_SEED, 0, data, LIMIT);
	memset(letter.id, 'x', BCAST_NODE_ID_MAX);
	bc_inbox_seal(&letter, data, LIMIT);

	assert_int_equal(boxes_put(&boxes, 1, &letter), 0);

	/* and nothing beside it */
	assert_int_equal(boxes_send(&boxes, 1, 2, NULL, 0), BCAST_EFULL);
	assert_int_equal(boxes_take(&boxes, &letter), 1);
	assert_int_equal(letter.header.length, LIMIT);
	assert_int_equal(strlen(letter.id), BCAST_NODE_ID_MAX);
	assert_int_equal(test_pattern_check(TEST_SEED, 0, letter.data, LIMIT),
			 -1);
	assert_int_equal(boxes_send(&boxes, 1, 2, NULL, 0), 0);
}

static void inbox_is_full_to_the_unit(void **state)
{
	static const size_t sizes[] = {1023, 1024, 1025};
	static unsigned char data[LIMIT];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bc_inbox_letter letter;
		/* leaves room for a payload of 1024 */
		size_t first = CAPACITY - HEAD - (HEAD + 1024);

		assert_int_equal(boxes_send(&boxes, 1, 1, data, first), 0);

		assert_int_equal(boxes_send(&boxes, 1, 2, data, sizes[i]),
				 sizes[i] <= 1024 ? 0 : BCAST_EFULL);

		while (boxes_take(&boxes, &letter) == 1)
			;
	}
}

/* One in, one out, of all sizes, so that records wrap at every place. */
static void expect_all_sizes_to_pass(void)
{
	static unsigned char data[LIMIT];

	for (uint64_t i = 0; i < 3000; i++) {
		struct bc_inbox_letter letter;
		size_t size = (size_t)(i * 37 % (LIMIT + 1));

		test_pattern_fill(i, 0, data, size);
		assert_int_equal(boxes_send(&boxes, 1, i, data, size), 0);
		assert_int_equal(boxes_take(&boxes, &letter), 1);
		assert_int_equal(letter.header.sequence, i);
		assert_int_equal(letter.header.length, size);
		assert_int_equal(test_pattern_check(i, 0, letter.data, size),
				 -1);
	}
	assert_int_equal(boxes_shm(&boxes)->damaged, 0);
}

static void records_wrap_at_any_place(void **state)
{
	(void)state;

	expect_all_sizes_to_pass();
}

static void cursors_wrap_at_64_bits(void **state)
{
	uint64_t position = UINT64_MAX - 31 - 20 * BC_INBOX_ALIGN;

	(void)state;
	boxes.members[0].inbox.head = position;
	boxes_shm(&boxes)->head = position;
	boxes_shm(&boxes)->tail = position;

	expect_all_sizes_to_pass();
}

static void message_for_one_who_has_gone_goes_nowhere(void **state)
{
	const struct bc_node *reader = &boxes.members[0];
	const struct bc_inbox_addressee before = {
		&reader->slot->claim, reader->claim - 1, &boxes.known_heads[1]};
	const struct bc_inbox_letter letter =
		boxes_letter(&boxes, 1, 1, NULL, 0);
	struct bc_inbox_letter found;
	uint64_t holder = 0;

	(void)state;

	assert_int_equal(bc_inbox_put(&reader->inbox.inbox, &boxes.members[1],
				      &before, &letter, 0, &holder),
			 -ENOENT);

	assert_int_equal(boxes_take(&boxes, &found), 0);
	assert_int_equal(boxes_shm(&boxes)->holder, 0);
}

static void heir_of_a_slot_inherits_no_mail(void **state)
{
	struct bc_inbox_letter letter;

	(void)state;
	assert_int_equal(boxes_send(&boxes, 1, 1, "mail", 4), 0);
	boxes_shm(&boxes)->refused = 3;

	boxes_leave(&boxes, 0);
	boxes_join(&boxes, 0);

	assert_int_equal(boxes.members[0].index, 0);
	assert_int_equal(boxes_take(&boxes, &letter), 0);
	assert_int_equal(boxes_shm(&boxes)->refused, 0);
	assert_int_equal(boxes_send(&boxes, 1, 2, "mail", 4), 0);
	assert_int_equal(boxes_take(&boxes, &letter), 1);
	assert_int_equal(letter.header.sequence, 2);
}

/* ---- Sleep and wake ---------------------------------------------------- */

static bool reader_sleeps(void *argument)
{
	(void)argument;
	return boxes_shm(&boxes)->reader_sleeps != 0;
}

static bool room_is_awaited(void *argument)
{
	(void)argument;
	return boxes_shm(&boxes)->room_awaited != 0;
}

static void *await_mail(void *argument)
{
	(void)argument;
	bc_inbox_await_mail(&boxes.members[0].inbox, 60 * BC_NS_PER_S);
	return NULL;
}

static void sleeping_reader_is_woken(void **state)
{
	uint64_t start_ms = test_now_ms();
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, await_mail, NULL), 0);
	assert_true(test_within(DEADLINE_MS, reader_sleeps, NULL));

	assert_int_equal(boxes_send(&boxes, 1, 1, "x", 1), 0);

	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_in_range(test_now_ms() - start_ms, 0, DEADLINE_MS);
}

static void fill(void)
{
	static unsigned char data[1024];

	while (boxes_send(&boxes, 1, 1, data, sizeof(data)) == 0)
		;
}

static void *await_room(void *argument)
{
	static unsigned char data[1024];
	const struct bc_node *reader = &boxes.members[0];
	const struct bc_inbox_addressee to = {
		&reader->slot->claim, reader->claim, &boxes.known_heads[2]};
	const struct bc_inbox_letter letter =
		boxes_letter(&boxes, 2, 1, data, sizeof(data));

	bc_inbox_await_room(&reader->inbox.inbox, &to, &letter,
			    60 * BC_NS_PER_S);
	return argument;
}

static void sleeping_sender_is_woken_when_there_is_room(void **state)
{
	uint64_t start_ms = test_now_ms();
	struct bc_inbox_letter letter;
	pthread_t thread;

	(void)state;
	fill();
	assert_int_equal(pthread_create(&thread, NULL, await_room, NULL), 0);
	assert_true(test_within(DEADLINE_MS, room_is_awaited, NULL));

	assert_int_equal(boxes_take(&boxes, &letter), 1);

	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(boxes_shm(&boxes)->room_awaited, 0);
	assert_in_range(test_now_ms() - start_ms, 0, DEADLINE_MS);
}

static void nobody_sleeps_if_there_is_no_need(void **state)
{
	uint64_t start_ms = test_now_ms();

	(void)state;

	/* room, mail, and an addressee that has gone */
	await_room(NULL);
	assert_int_equal(boxes_send(&boxes, 1, 1, "x", 1), 0);
	await_mail(NULL);
	fill();
	atomic_fetch_add(&boxes.members[0].slot->claim, 1);
	await_room(NULL);
	atomic_fetch_sub(&boxes.members[0].slot->claim, 1);

	assert_in_range(test_now_ms() - start_ms, 0, DEADLINE_MS);
}

/* ---- Many -------------------------------------------------------------- */

#define SENDERS	 4u
#define MESSAGES 2000u

static size_t size_of(uint32_t from, uint64_t sequence)
{
	return (size_t)((from * 977 + sequence * 131) % 700);
}

static void *send_many(void *argument)
{
	const uint32_t from = *(const uint32_t *)argument;
	unsigned char data[700];

	for (uint64_t i = 1; i <= MESSAGES; i++) {
		size_t size = size_of(from, i);
		int ret;

		test_pattern_fill(from, i, data, size);
		do
			ret = boxes_send(&boxes, from, i, data, size);
		while (ret == BCAST_EFULL || ret == -EBUSY);
		assert_int_equal(ret, 0);
	}
	return NULL;
}

static void many_senders_at_once_mix_nothing_up(void **state)
{
	pthread_t threads[SENDERS];
	uint32_t numbers[SENDERS];
	uint64_t next[SENDERS + 1];

	(void)state;
	for (uint32_t i = 0; i < SENDERS; i++) {
		numbers[i] = i + 1;
		next[i + 1] = 1;
		assert_int_equal(pthread_create(&threads[i], NULL, send_many,
						&numbers[i]),
				 0);
	}

	for (unsigned got = 0; got < SENDERS * MESSAGES;) {
		struct bc_inbox_letter letter;
		int ret = boxes_take(&boxes, &letter);
		uint32_t from;

		assert_in_range(ret, 0, 1);
		if (ret == 0) {
			bc_inbox_await_mail(&boxes.members[0].inbox,
					    100 * BC_NS_PER_MS);
			continue;
		}
		got++;
		from = letter.header.from_slot;
		assert_in_range(from, 1, SENDERS);
		assert_int_equal(letter.id[1], '0' + from);
		assert_int_equal(letter.header.sequence, next[from]);
		assert_int_equal(letter.header.length,
				 size_of(from, next[from]));
		assert_int_equal(test_pattern_check(from, next[from],
						    letter.data,
						    letter.header.length),
				 -1);
		next[from]++;
	}

	for (uint32_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(boxes_shm(&boxes)->damaged, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(message_comes_out_as_it_went_in),
		TEST(longest_message_fits_with_the_longest_id),
		TEST(inbox_is_full_to_the_unit),
		TEST(records_wrap_at_any_place),
		TEST(cursors_wrap_at_64_bits),
		TEST(message_for_one_who_has_gone_goes_nowhere),
		TEST(heir_of_a_slot_inherits_no_mail),
		TEST(sleeping_reader_is_woken),
		TEST(sleeping_sender_is_woken_when_there_is_room),
		TEST(nobody_sleeps_if_there_is_no_need),
		TEST(many_senders_at_once_mix_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
