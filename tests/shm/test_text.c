/* SPDX-License-Identifier: MIT */
/* test_text.c - texts that change, die half-way, or are hostile. */
#include "support.h"

#include <pthread.h>
#include <string.h>

#include "shm/text.h"

struct entry {
	bc_u32 sequence;
	char first[60];
	char second[64];
};

static void set(struct entry *entry, const char *first, const char *second)
{
	bc_text_begin(&entry->sequence);
	bc_text_set(entry->first, sizeof(entry->first), first);
	bc_text_set(entry->second, sizeof(entry->second), second);
	bc_text_end(&entry->sequence);
}

static bool get(struct entry *copy, const struct entry *entry)
{
	return bc_text_snapshot(copy, entry, sizeof(*copy), &entry->sequence);
}

static void unused_entry_has_no_snapshot(void **state)
{
	struct entry entry = {0}, copy;

	(void)state;

	assert_false(get(&copy, &entry));
}

static void text_that_was_set_is_read(void **state)
{
	struct entry entry = {0}, copy;

	(void)state;
	set(&entry, "left", "right");

	assert_true(get(&copy, &entry));
	assert_string_equal(copy.first, "left");
	assert_string_equal(copy.second, "right");
	assert_int_equal(entry.sequence % 2, 0);
}

static void text_is_cut_at_its_field_and_terminated(void **state)
{
	char field[6];

	(void)state;

	bc_text_set(field, sizeof(field), "1234");
	assert_memory_equal(field, "1234\0", 6);
	bc_text_set(field, sizeof(field), "12345");
	assert_memory_equal(field, "12345", 6);
	bc_text_set(field, sizeof(field), "123456");
	assert_memory_equal(field, "12345", 6);
	bc_text_set(field, sizeof(field), "");
	assert_memory_equal(field, "\0\0\0\0\0", 6);
}

static void writer_dead_in_the_middle_means_no_snapshot(void **state)
{
	struct entry entry = {0}, copy;

	(void)state;
	set(&entry, "whole", "whole");
	bc_text_begin(&entry.sequence);
	bc_text_set(entry.first, sizeof(entry.first), "half");

	assert_false(get(&copy, &entry));
}

static void next_writer_repairs_what_a_dead_one_left(void **state)
{
	struct entry entry = {0}, copy;

	(void)state;
	bc_text_begin(&entry.sequence);
	bc_text_set(entry.first, sizeof(entry.first), "half");

	set(&entry, "a", "b");

	assert_true(get(&copy, &entry));
	assert_string_equal(copy.first, "a");
}

static void sequence_that_wraps_is_never_taken_for_unused(void **state)
{
	struct entry entry = {.sequence = UINT32_MAX - 1}, copy;

	(void)state;

	set(&entry, "a", "b");

	assert_int_equal(entry.sequence, 2);
	assert_true(get(&copy, &entry));
	set(&entry, "c", "d");
	assert_int_equal(entry.sequence, 4);
}

struct writer {
	struct entry entry;
	_Atomic bool stop;
};

/* Both fields always say the same: one letter, all the way. */
static void *change_all_the_time(void *argument)
{
	struct writer *writer = argument;
	char text[sizeof(writer->entry.second)];

	for (unsigned i = 0; !atomic_load(&writer->stop); i++) {
		memset(text, (int)('a' + i % 26), sizeof(text));
		text[sizeof(text) - 1] = '\0';
		set(&writer->entry, text, text);
	}
	return NULL;
}

static void torn_entry_is_never_seen(void **state)
{
	struct writer writer = {.stop = false};
	unsigned long seen = 0;
	uint64_t end = test_now_ms() + 300;
	pthread_t thread;
	struct entry copy;

	(void)state;
	assert_int_equal(
		pthread_create(&thread, NULL, change_all_the_time, &writer), 0);

	while (test_now_ms() < end || seen < 100) {
		if (!get(&copy, &writer.entry))
			continue;
		seen++;
		for (size_t i = 1; i < sizeof(copy.first) - 1; i++)
			assert_int_equal(copy.first[i], copy.first[0]);
		for (size_t i = 0; i < sizeof(copy.second) - 1; i++)
			assert_int_equal(copy.second[i], copy.first[0]);
		if (test_now_ms() > end + DEADLINE_MS)
			fail_msg("only %lu whole snapshots", seen);
	}

	atomic_store(&writer.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void unprintable_bytes_come_out_as_question_marks(void **state)
{
	static const char field[16] = "a\x1b[2J\n\x7f\xff~ z";
	char text[16];

	(void)state;

	bc_text_get(text, sizeof(text), field, sizeof(field));

	assert_string_equal(text, "a?[2J???~ z");
}

static void field_without_end_is_cut_at_its_size(void **state)
{
	char field[4] = {'a', 'b', 'c', 'd'};
	char text[8];

	(void)state;

	bc_text_get(text, sizeof(text), field, sizeof(field));
	assert_string_equal(text, "abcd");
	bc_text_get(text, 5, field, sizeof(field));
	assert_string_equal(text, "abcd");
	bc_text_get(text, 4, field, sizeof(field));
	assert_string_equal(text, "abc");
	bc_text_get(text, 1, field, sizeof(field));
	assert_string_equal(text, "");
}

static void *change_one_byte(void *argument)
{
	struct writer *writer = argument;
	volatile char *byte = &writer->entry.first[3];

	while (!atomic_load(&writer->stop)) {
		*byte = 'a';
		*byte = '\x1b';
	}
	return NULL;
}

static void byte_that_changes_meanwhile_is_still_cleaned(void **state)
{
	struct writer writer = {.entry.first = "textual"};
	uint64_t end = test_now_ms() + 200;
	pthread_t thread;
	char text[16];

	(void)state;
	assert_int_equal(
		pthread_create(&thread, NULL, change_one_byte, &writer), 0);

	while (test_now_ms() < end)
		for (unsigned i = 0; i < 1000; i++) {
			bc_text_get(text, sizeof(text), writer.entry.first,
				    sizeof(writer.entry.first));
			assert_true(text[3] == 'a' || text[3] == '?' ||
				    text[3] == 't');
		}

	atomic_store(&writer.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unused_entry_has_no_snapshot),
		cmocka_unit_test(text_that_was_set_is_read),
		cmocka_unit_test(text_is_cut_at_its_field_and_terminated),
		cmocka_unit_test(writer_dead_in_the_middle_means_no_snapshot),
		cmocka_unit_test(next_writer_repairs_what_a_dead_one_left),
		cmocka_unit_test(sequence_that_wraps_is_never_taken_for_unused),
		cmocka_unit_test(torn_entry_is_never_seen),
		cmocka_unit_test(unprintable_bytes_come_out_as_question_marks),
		cmocka_unit_test(field_without_end_is_cut_at_its_size),
		cmocka_unit_test(byte_that_changes_meanwhile_is_still_cleaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
