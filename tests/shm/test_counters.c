/* SPDX-License-Identifier: MIT */
/* test_counters.c - counters.def as the region that a stranger reads. */
#include "support.h"

#include <ctype.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/counters.h"

struct row {
	const char *name, *unit, *help;
	uint32_t kind;
};

static const struct row rows[] = {
#define BC_COUNTER(name, kind, unit, help) {#name, unit, help, BCAST_##kind},
#include "shm/counters.def"
#undef BC_COUNTER
};

static struct bc_counter_shm region[BC_COUNTER_SLOTS];

static int describe(void **state)
{
	(void)state;
	memset(region, 0, sizeof(region));
	bc_counters_describe(region);
	return 0;
}

static void every_row_fits_its_fields(void **state)
{
	(void)state;

	for (unsigned i = 0; i < BC_COUNTER_COUNT; i++) {
		assert_true(strlen(rows[i].name) < sizeof(region[0].name));
		assert_true(strlen(rows[i].unit) < sizeof(region[0].unit));
		assert_true(strlen(rows[i].help) < sizeof(region[0].help));
	}
}

static void every_row_has_a_name_of_its_own_and_a_help(void **state)
{
	(void)state;

	for (unsigned i = 0; i < BC_COUNTER_COUNT; i++) {
		assert_true(islower(rows[i].name[0]));
		assert_true(rows[i].help[0] != '\0');
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(rows[i].name, rows[j].name);
	}
}

static void region_describes_itself(void **state)
{
	(void)state;

	for (unsigned i = 0; i < BC_COUNTER_COUNT; i++) {
		assert_string_equal(region[i].name, rows[i].name);
		assert_string_equal(region[i].unit, rows[i].unit);
		assert_string_equal(region[i].help, rows[i].help);
		assert_int_equal(region[i].kind, rows[i].kind);
		assert_int_equal(region[i].value, 0);
	}
}

static void first_unused_entry_is_zero(void **state)
{
	static const struct bc_counter_shm zero;

	(void)state;

	assert_true(BC_COUNTER_COUNT < BC_COUNTER_SLOTS);
	assert_memory_equal(&region[BC_COUNTER_COUNT], &zero, sizeof(zero));
}

static void additions_add_and_settings_set(void **state)
{
	(void)state;

	bc_counter_add(region, BC_COUNTER_bytes_in, UINT64_MAX);
	bc_counter_add(region, BC_COUNTER_bytes_in, 3);
	bc_counter_set(region, BC_COUNTER_receivers, 7);
	bc_counter_set(region, BC_COUNTER_receivers, 5);

	/* modulo 2^64, like every counter that has ever been read */
	assert_int_equal(bc_counter_get(region, BC_COUNTER_bytes_in), 2);
	assert_int_equal(bc_counter_get(region, BC_COUNTER_receivers), 5);
	assert_int_equal(bc_counter_get(region, BC_COUNTER_bytes_out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_fits_its_fields),
		cmocka_unit_test(every_row_has_a_name_of_its_own_and_a_help),
		cmocka_unit_test_setup(region_describes_itself, describe),
		cmocka_unit_test_setup(first_unused_entry_is_zero, describe),
		cmocka_unit_test_setup(additions_add_and_settings_set,
				       describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
