/* SPDX-License-Identifier: MIT */
/* test_check.c - reading, and texts of results. */
#include "root.h"
#include "support.h"

#include <linux/capability.h>
#include <string.h>

#include "src/check.h"

static int prepare(void **state)
{
	(void)state;
	root_make();
	return 0;
}

static int clean(void **state)
{
	(void)state;
	root_remove();
	return 0;
}

static void line_is_the_first_one_without_its_end(void **state)
{
	char line[8];

	(void)state;
	root_write("/a", "one two\nthree\n");
	assert_true(check_line(root_path, "/a", line, sizeof(line)));
	assert_string_equal(line, "one two");

	root_write("/a", "nine tenths\n");
	assert_true(check_line(root_path, "/a", line, sizeof(line)));
	assert_string_equal(line, "nine te");

	root_write("/a", "");
	assert_false(check_line(root_path, "/a", line, sizeof(line)));
	assert_false(check_line(root_path, "/none", line, sizeof(line)));
	assert_string_equal(line, "");
}

static void numbers_are_read_and_fewer_are_refused(void **state)
{
	uint64_t numbers[3];

	(void)state;
	root_write("/n", "287898\t383867\t575796\n");
	assert_true(check_numbers(root_path, "/n", numbers, 3));
	assert_int_equal(numbers[0], 287898);
	assert_int_equal(numbers[2], 575796);

	root_write("/n", "287898\t383867\n");
	assert_false(check_numbers(root_path, "/n", numbers, 3));
	assert_true(check_numbers(root_path, "/n", numbers, 2));
	root_write("/n", "max\n");
	assert_false(check_numbers(root_path, "/n", numbers, 1));
	assert_false(check_numbers(root_path, "/none", numbers, 1));
}

static void capabilities_are_bits(void **state)
{
	(void)state;
	assert_false(check_capability(root_path, CAP_NET_ADMIN));
	root_write("/proc/self/status", "Name:\tx\nCapPrm:\tffffffffffffffff\n"
					"CapEff:\t0000000000001000\n");

	assert_true(check_capability(root_path, CAP_NET_ADMIN));
	assert_false(check_capability(root_path, CAP_IPC_LOCK));
	assert_false(check_capability(root_path, CAP_NET_ADMIN + 1));
}

static void texts_hold_no_double_quote_and_are_cut(void **state)
{
	struct check_result result = {0};
	char text[2 * CHECK_TEXT];

	(void)state;
	check_found(&result, "a \"%s\"", "b");
	assert_string_equal(result.found, "a 'b'");

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	check_fix(&result, "%s", text);
	assert_int_equal(strlen(result.fix), CHECK_TEXT - 1);
	check_is(&result, CHECK_WARN, text);
	assert_int_equal(strlen(result.means), CHECK_TEXT - 1);
}

static void sizes_have_a_unit(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1K"},
		{1536, "1.5K"},
		{10240, "10K"},
		{UINT64_C(258) << 20, "258M"},
		{(UINT64_C(3) << 29), "1.5G"},
		{UINT64_MAX, "16E"},
	};
	char text[CHECK_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(check_bytes(rows[i].bytes, text),
				    rows[i].text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(line_is_the_first_one_without_its_end),
		TEST(numbers_are_read_and_fewer_are_refused),
		TEST(capabilities_are_bits),
		TEST(texts_hold_no_double_quote_and_are_cut),
		TEST(sizes_have_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
