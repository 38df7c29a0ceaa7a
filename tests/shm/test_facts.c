/* SPDX-License-Identifier: MIT */
/* test_facts.c - facts are kept by key, cut to fit, and run out. */
#include "stream.h"

#include <stdio.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/facts.h"

static struct bc_fact_shm slots[BC_FACT_SLOTS];
static struct bc_segment segment;

static int clear(void **state)
{
	(void)state;
	memset(slots, 0, sizeof(slots));
	segment.regions[BC_REGION_FACTS].base = (unsigned char *)slots;
	segment.regions[BC_REGION_FACTS].count = BC_FACT_SLOTS;
	return 0;
}

static void facts_fill_slots_from_0(void **state)
{
	(void)state;

	assert_int_equal(bc_facts_set(&segment, "backend", "io_uring"), 0);
	assert_int_equal(bc_facts_set(&segment, "listen", "[::1]:7400"), 0);

	assert_string_equal(slots[0].key, "backend");
	assert_string_equal(slots[0].value, "io_uring");
	assert_string_equal(slots[1].key, "listen");
	assert_int_equal(slots[2].sequence, 0);
}

static void same_key_gets_the_new_value_in_its_slot(void **state)
{
	(void)state;
	bc_facts_set(&segment, "a", "a long value");
	bc_facts_set(&segment, "b", "2");

	assert_int_equal(bc_facts_set(&segment, "a", "short"), 0);

	assert_string_equal(slots[0].value, "short");
	assert_int_equal(slots[0].value[6], 0);
	assert_int_equal(slots[2].sequence, 0);
}

static void key_that_begins_like_another_is_another(void **state)
{
	(void)state;

	bc_facts_set(&segment, "listen", "1");
	bc_facts_set(&segment, "listen.2", "2");

	assert_string_equal(slots[0].value, "1");
	assert_string_equal(slots[1].value, "2");
}

static void long_keys_and_values_are_cut_and_found_again(void **state)
{
	char key[80], value[400];

	(void)state;
	memset(key, 'k', sizeof(key));
	memset(value, 'v', sizeof(value));
	key[79] = value[399] = '\0';

	assert_int_equal(bc_facts_set(&segment, key, value), 0);
	assert_int_equal(bc_facts_set(&segment, key, value), 0);

	assert_int_equal(strnlen(slots[0].key, 32), 31);
	assert_int_equal(strnlen(slots[0].value, 216), 215);
	assert_int_equal(slots[1].sequence, 0);
}

static void table_takes_as_many_as_it_has_slots(void **state)
{
	char key[16];

	(void)state;
	for (unsigned i = 0; i < BC_FACT_SLOTS; i++) {
		snprintf(key, sizeof(key), "key-%u", i);
		assert_int_equal(bc_facts_set(&segment, key, "x"), 0);
	}

	assert_int_equal(bc_facts_set(&segment, "one more", "x"), BCAST_EFULL);
	assert_int_equal(bc_facts_set(&segment, "key-63", "y"), 0);
	assert_string_equal(slots[63].value, "y");
}

#define TEST(name) cmocka_unit_test_setup(name, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(facts_fill_slots_from_0),
		TEST(same_key_gets_the_new_value_in_its_slot),
		TEST(key_that_begins_like_another_is_another),
		TEST(long_keys_and_values_are_cut_and_found_again),
		TEST(table_takes_as_many_as_it_has_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
