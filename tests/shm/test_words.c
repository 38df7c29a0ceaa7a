/* SPDX-License-Identifier: MIT */
/* test_words.c - client_error.c and client_names.c: each number has a word. */
#include "support.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <bcast/monitor.h>

static void every_code_has_a_text_of_its_own(void **state)
{
	static const int codes[] = {
		0,
		-ENOENT,
		-EACCES,
		BCAST_ELAPPED,
		BCAST_EABANDONED,
		BCAST_EVERSION,
		BCAST_EPROTO,
		BCAST_EFULL,
		BCAST_ECLOSED,
		BCAST_ENOTREADY,
		BCAST_ELAYOUT,
		BCAST_ETOOSMALL,
		BCAST_EFOREIGN,
		BCAST_ENAME,
		BCAST_EOWNED,
		BCAST_EEPOCH,
		BCAST_EREFUSED,
	};
	const size_t count = sizeof(codes) / sizeof(codes[0]);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		char text[200];

		snprintf(text, sizeof(text), "%s", bcast_strerror(codes[i]));
		assert_true(text[0] != '\0');
		assert_null(strchr(text, '\n'));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(text, bcast_strerror(codes[j]));
	}
}

static void codes_are_contiguous_below_minus_5000(void **state)
{
	(void)state;

	/* all of them are known, and those beside them are not */
	for (int code = BCAST_ELAPPED; code >= BCAST_EREFUSED; code--)
		assert_null(strstr(bcast_strerror(code), "nknown"));
	assert_non_null(strstr(bcast_strerror(BCAST_ELAPPED + 1), "nknown"));
	assert_non_null(strstr(bcast_strerror(BCAST_EREFUSED - 1), "nknown"));
}

static void any_number_has_a_text(void **state)
{
	static const int numbers[] = {INT_MIN, INT_MIN + 1, -100000, -4096,
				      -4095,   -1,	    1,	     INT_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_true(bcast_strerror(numbers[i])[0] != '\0');
	assert_string_equal(bcast_strerror(5), bcast_strerror(0));
	assert_string_equal(bcast_strerror(-ENOENT), strerror(ENOENT));
}

/* Each of 1 (or 0) to last has a word of its own; all else is "unknown". */
static void expect_words(const char *(*word)(uint32_t), uint32_t first,
			 uint32_t last)
{
	for (uint32_t i = first; i <= last; i++) {
		assert_string_not_equal(word(i), "unknown");
		assert_null(strchr(word(i), ' '));
		for (uint32_t j = first; j < i; j++)
			assert_string_not_equal(word(i), word(j));
	}
	assert_string_equal(word(first - 1), "unknown");
	assert_string_equal(word(last + 1), "unknown");
	assert_string_equal(word(UINT32_MAX), "unknown");
}

static void every_enumerator_has_a_word_for_scripts(void **state)
{
	(void)state;

	expect_words(bcast_close_reason_name, BCAST_CLOSE_PEER,
		     BCAST_CLOSE_IDLE);
	expect_words(bcast_role_name, BCAST_ROLE_SENDER, BCAST_ROLE_CLIENT);
	expect_words(bcast_state_name, BCAST_STREAM_STARTING,
		     BCAST_STREAM_CLOSED);
	expect_words(bcast_format_name, BCAST_FORMAT_RAW, BCAST_FORMAT_PACKET);
}

static void version_is_three_numbers(void **state)
{
	int numbers[3];

	(void)state;

	assert_int_equal(sscanf(bcast_version(), "%d.%d.%d", &numbers[0],
				&numbers[1], &numbers[2]),
			 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_text_of_its_own),
		cmocka_unit_test(codes_are_contiguous_below_minus_5000),
		cmocka_unit_test(any_number_has_a_text),
		cmocka_unit_test(every_enumerator_has_a_word_for_scripts),
		cmocka_unit_test(version_is_three_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
