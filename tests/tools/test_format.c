/* SPDX-License-Identifier: MIT */
/* test_format.c - numbers for people, at each place where the unit changes. */
#include "format.h"
#include "support.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define S   UINT64_C(1000000000)

static void bytes_change_their_unit_at_powers_of_1024(void **state)
{
	(void)state;
	assert_string_equal(format_bytes(0).text, "0 B");
	assert_string_equal(format_bytes(1023).text, "1023 B");
	assert_string_equal(format_bytes(1024).text, "1.00 KiB");
	assert_string_equal(format_bytes(1025).text, "1.00 KiB");
	assert_string_equal(format_bytes(MIB - 1).text, "1.00 MiB");
	assert_string_equal(format_bytes(MIB).text, "1.00 MiB");
	assert_string_equal(format_bytes(1024 * MIB).text, "1.00 GiB");
	assert_string_equal(format_bytes(UINT64_MAX).text, "16.0 EiB");
}

static void bytes_have_three_digits(void **state)
{
	(void)state;
	assert_string_equal(format_bytes(9 * KIB + 1018).text, "9.99 KiB");
	assert_string_equal(format_bytes(9 * KIB + 1019).text, "10.0 KiB");
	assert_string_equal(format_bytes(99 * KIB + 972).text, "99.9 KiB");
	assert_string_equal(format_bytes(99 * KIB + 973).text, "100 KiB");
	assert_string_equal(format_bytes(1023 * KIB + 511).text, "1023 KiB");
	assert_string_equal(format_bytes(1023 * KIB + 512).text, "1.00 MiB");
}

static void durations_change_their_unit(void **state)
{
	(void)state;
	assert_string_equal(format_duration(0).text, "0.0 s");
	assert_string_equal(format_duration(S / 10 - 1).text, "0.0 s");
	assert_string_equal(format_duration(S / 10).text, "0.1 s");
	assert_string_equal(format_duration(60 * S - 1).text, "59.9 s");
	assert_string_equal(format_duration(60 * S).text, "1 min 0 s");
	assert_string_equal(format_duration(3600 * S - 1).text, "59 min 59 s");
	assert_string_equal(format_duration(3600 * S).text, "1 h 00 min");
	assert_string_equal(format_duration(86400 * S - 1).text, "23 h 59 min");
	assert_string_equal(format_duration(86400 * S).text, "1 d 0 h");
	assert_string_equal(format_duration(UINT64_MAX).text, "213503 d 23 h");
}

static void time_is_in_utc(void **state)
{
	(void)state;
	assert_string_equal(format_time(0).text, "1970-01-01 00:00:00 UTC");
	assert_string_equal(format_time(UINT64_C(1769903999) * S).text,
			    "2026-01-31 23:59:59 UTC");
	assert_string_equal(format_time(UINT64_MAX).text,
			    "2554-07-21 23:34:33 UTC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_change_their_unit_at_powers_of_1024),
		cmocka_unit_test(bytes_have_three_digits),
		cmocka_unit_test(durations_change_their_unit),
		cmocka_unit_test(time_is_in_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
