/* SPDX-License-Identifier: MIT */
/* The table of distinct errors: what is one, and which one makes room. */
#include <stdio.h>
#include <string.h>

#include "support.h"

#include "shm/errors.h"
#include "shm/text.h"

static struct bc_error_shm errors[BC_ERROR_SLOTS];

static int set_up(void **state)
{
	(void)state;
	memset(errors, 0, sizeof(errors));
	return 0;
}

static void note(const char *event, const char *text, uint64_t now_ns)
{
	bc_errors_note(errors, BC_ERROR_SLOTS,
		       &(struct bc_error_note){.level = 1,
					       .event = event,
					       .text = text,
					       .count = 1,
					       .first_realtime_ns = now_ns,
					       .last_realtime_ns = now_ns});
}

static uint64_t get(const bc_u64 *field)
{
	return atomic_load(field);
}

static void same_event_and_text_are_one(void **state)
{
	(void)state;
	note("a", "reason=x", 10);
	note("a", "reason=y", 11);
	note("b", "reason=x", 12);
	note("a", "reason=x", 13);

	assert_string_equal(errors[0].event, "a");
	assert_string_equal(errors[0].text, "reason=x");
	assert_int_equal(errors[0].level, 1);
	assert_int_equal(get(&errors[0].count), 2);
	assert_int_equal(get(&errors[0].first_realtime_ns), 10);
	assert_int_equal(get(&errors[0].last_realtime_ns), 13);
	assert_string_equal(errors[1].text, "reason=y");
	assert_string_equal(errors[2].event, "b");
	assert_int_equal(atomic_load(&errors[3].sequence), 0);
}

static void what_is_cut_is_the_same_again(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t n = 189; n <= 193; n++) {
		set_up(NULL);
		text[n] = '\0';
		note("an_event_with_a_name_of_over_thirty_bytes", text, 1);
		note("an_event_with_a_name_of_over_thirty_bytes", text, 2);
		text[n] = 'x';
		assert_int_equal(get(&errors[0].count), 2);
		assert_int_equal(strlen(errors[0].text), n < 191 ? n : 191);
		assert_int_equal(strlen(errors[0].event), 31);
	}
}

static void full_table_gives_up_what_was_seen_long_ago(void **state)
{
	char text[16];

	(void)state;
	for (unsigned i = 0; i < BC_ERROR_SLOTS; i++) {
		snprintf(text, sizeof(text), "reason=%u", i);
		note("a", text, 100 + i);
	}
	note("a", "reason=0", 1000);
	note("a", "reason=new", 1001);

	assert_string_equal(errors[0].text, "reason=0");
	assert_int_equal(get(&errors[0].count), 2);
	assert_string_equal(errors[1].text, "reason=new");
	assert_int_equal(get(&errors[1].count), 1);
	assert_int_equal(get(&errors[1].first_realtime_ns), 1001);
	assert_string_equal(errors[2].text, "reason=2");
}

static void moved_errors_are_added_up(void **state)
{
	static struct bc_error_shm from[BC_ERROR_SLOTS];

	(void)state;
	note("b", "", 5);
	note("a", "", 6);
	memcpy(from, errors, sizeof(from));
	set_up(NULL);
	note("a", "", 1);

	bc_errors_move(from, errors, BC_ERROR_SLOTS);
	bc_errors_move(from, errors, BC_ERROR_SLOTS);

	assert_int_equal(get(&errors[0].count), 2);
	assert_int_equal(get(&errors[0].first_realtime_ns), 1);
	assert_int_equal(get(&errors[0].last_realtime_ns), 6);
	assert_string_equal(errors[1].event, "b");
	assert_int_equal(get(&errors[1].count), 1);
}

/* As an adopter leaves one whose daemon died in the middle of it. */
static void cleared_entry_is_free(void **state)
{
	(void)state;
	note("a", "", 1);
	bc_text_begin(&errors[0].sequence);
	bc_text_set(errors[0].event, sizeof(errors[0].event), "");
	bc_text_end(&errors[0].sequence);

	note("b", "", 2);

	assert_string_equal(errors[0].event, "b");
	assert_int_equal(get(&errors[0].count), 1);
}

static void table_without_entries_is_no_trouble(void **state)
{
	(void)state;
	bc_errors_note(errors, 0, &(struct bc_error_note){.event = "a"});

	assert_int_equal(atomic_load(&errors[0].sequence), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
		TEST(same_event_and_text_are_one),
		TEST(what_is_cut_is_the_same_again),
		TEST(full_table_gives_up_what_was_seen_long_ago),
		TEST(moved_errors_are_added_up),
		TEST(cleared_entry_is_free),
		TEST(table_without_entries_is_no_trouble),
	};

	return cmocka_run_group_tests_name("shm/errors", tests, NULL, NULL);
}
