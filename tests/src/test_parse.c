/* SPDX-License-Identifier: MIT */
/* test_parse.c - numbers with units, and what is not one. */
#include "src/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void sizes_take_binary_units_of_either_case(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
		{"0", 0},
		{"1", 1},
		{"65536", 65536},
		{"64K", 65536},
		{"64k", 65536},
		{"256M", UINT64_C(1) << 28},
		{"3g", UINT64_C(3) << 30},
		{"1T", UINT64_C(1) << 40},
		{"16777215T", UINT64_C(16777215) << 40},
		{"18446744073709551615", UINT64_MAX},
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(parse_size(rows[i].text, &bytes), 0);
		assert_true(bytes == rows[i].bytes);
	}
}

static void sizes_beyond_64_bits_are_out_of_range(void **state)
{
	uint64_t bytes = 7;

	(void)state;
	assert_int_equal(parse_size("16777216T", &bytes), -ERANGE);
	assert_int_equal(parse_size("18446744073709551616", &bytes), -ERANGE);
	assert_int_equal(parse_size("99999999999999999999999", &bytes),
			 -ERANGE);
	assert_int_equal(bytes, 7);
}

static void other_texts_are_not_sizes(void **state)
{
	static const char *const texts[] = {"",	    "K",  "-1",	 "+1",
					    " 1",   "1 ", "1KB", "1.5M",
					    "0x10", "1P", "1 K", "1m2"};
	uint64_t bytes = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(parse_size(texts[i], &bytes), -EINVAL);
	assert_int_equal(bytes, 7);
}

static void durations_need_a_unit_unless_zero(void **state)
{
	uint64_t ms = 7;

	(void)state;
	assert_int_equal(parse_duration("0", &ms), 0);
	assert_int_equal(ms, 0);
	assert_int_equal(parse_duration("500ms", &ms), 0);
	assert_int_equal(ms, 500);
	assert_int_equal(parse_duration("5s", &ms), 0);
	assert_int_equal(ms, 5000);
	assert_int_equal(parse_duration("10m", &ms), 0);
	assert_int_equal(ms, 600000);
	assert_int_equal(parse_duration("5", &ms), -EINVAL);
	assert_int_equal(parse_duration("s", &ms), -EINVAL);
	assert_int_equal(parse_duration("5h", &ms), -EINVAL);
	assert_int_equal(parse_duration("1m30s", &ms), -EINVAL);
	assert_int_equal(parse_duration("18446744073709551615m", &ms), -ERANGE);
	assert_int_equal(ms, 600000);
}

static void intervals_are_in_microseconds(void **state)
{
	uint64_t us = 7;

	(void)state;
	assert_int_equal(parse_interval("0", &us), 0);
	assert_int_equal(us, 0);
	assert_int_equal(parse_interval("50us", &us), 0);
	assert_int_equal(us, 50);
	assert_int_equal(parse_interval("3ms", &us), 0);
	assert_int_equal(us, 3000);
	assert_int_equal(parse_interval("2s", &us), 0);
	assert_int_equal(us, 2000000);
	assert_int_equal(parse_interval("50", &us), -EINVAL);
	assert_int_equal(parse_interval("1m", &us), -EINVAL);
	assert_int_equal(parse_interval("18446744073709551615s", &us), -ERANGE);
	assert_int_equal(us, 2000000);
}

static void numbers_may_be_negative(void **state)
{
	int64_t value;

	(void)state;
	assert_int_equal(parse_number("-1", &value), 0);
	assert_int_equal(value, -1);
	assert_int_equal(parse_number("007", &value), 0);
	assert_int_equal(value, 7);
	assert_int_equal(parse_number("9223372036854775807", &value), 0);
	assert_true(value == INT64_MAX);
	assert_int_equal(parse_number("9223372036854775808", &value), -ERANGE);
	assert_int_equal(parse_number("-", &value), -EINVAL);
	assert_int_equal(parse_number("--1", &value), -EINVAL);
	assert_int_equal(parse_number("1x", &value), -EINVAL);
	assert_int_equal(parse_number("", &value), -EINVAL);
}

static void percentages_are_0_to_100(void **state)
{
	uint32_t percent;

	(void)state;
	assert_int_equal(parse_percent("0%", &percent), 0);
	assert_int_equal(percent, 0);
	assert_int_equal(parse_percent("100%", &percent), 0);
	assert_int_equal(percent, 100);
	assert_int_equal(parse_percent("101%", &percent), -ERANGE);
	assert_int_equal(parse_percent("75", &percent), -EINVAL);
	assert_int_equal(parse_percent("%", &percent), -EINVAL);
	assert_int_equal(parse_percent("75%%", &percent), -EINVAL);
}

static void modes_are_octal(void **state)
{
	uint32_t mode;

	(void)state;
	assert_int_equal(parse_octal("0640", &mode), 0);
	assert_int_equal(mode, 0640);
	assert_int_equal(parse_octal("640", &mode), 0);
	assert_int_equal(mode, 0640);
	assert_int_equal(parse_octal("648", &mode), -EINVAL);
	assert_int_equal(parse_octal("u=rw", &mode), -EINVAL);
	assert_int_equal(parse_octal("", &mode), -EINVAL);
	assert_int_equal(parse_octal("40000000000", &mode), -ERANGE);
}

static void printed_values_parse_back(void **state)
{
	static const uint64_t values[] = {
		0,	1,	 999,	1000,	    1023,    1024,
		1025,	60000,	 61000, 229376,	    1 << 28, 1 << 20,
		600000, 1 << 30, 7,	UINT64_MAX, 3 << 20,
	};
	char text[PARSE_TEXT_MAX];
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		parse_print_size(values[i], text, sizeof(text));
		assert_int_equal(parse_size(text, &back), 0);
		assert_true(back == values[i]);
		parse_print_duration(values[i], text, sizeof(text));
		assert_int_equal(parse_duration(text, &back), 0);
		assert_true(back == values[i]);
	}
	assert_string_equal(parse_print_size(229376, text, sizeof(text)),
			    "224K");
	assert_string_equal(parse_print_duration(90000, text, sizeof(text)),
			    "90s");
	assert_string_equal(parse_print_size(0, text, sizeof(text)), "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_take_binary_units_of_either_case),
		cmocka_unit_test(sizes_beyond_64_bits_are_out_of_range),
		cmocka_unit_test(other_texts_are_not_sizes),
		cmocka_unit_test(durations_need_a_unit_unless_zero),
		cmocka_unit_test(intervals_are_in_microseconds),
		cmocka_unit_test(numbers_may_be_negative),
		cmocka_unit_test(percentages_are_0_to_100),
		cmocka_unit_test(modes_are_octal),
		cmocka_unit_test(printed_values_parse_back),
	};

	return cmocka_run_group_tests_name("src/parse", tests, NULL, NULL);
}
