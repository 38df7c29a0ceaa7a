/* SPDX-License-Identifier: MIT */
/* test_name.c - the rule for stream names, at each of its edges. */
#include "shm/name.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void ordinary_names_are_valid(void **state)
{
	static const char *const names[] = {
		"default", "a",	      "A9",	 "-",	    "_x",
		"a.b",	   "a..",     "nodes",	 "lock",    "a.nodesx",
		"a-b",	   "nodes.a", "a.Nodes", "a.lock.", "0.nodes0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(bc_name_valid(names[i]));
}

static void names_that_could_harm_are_not(void **state)
{
	static const char *const names[] = {
		"",	    ".",   "..",  ".a",	 ".nodes",	 "a.nodes",
		"a.lock",   "a/b", "/a",  "a b", "a\nb",	 "a\x80",
		"\xC3\xA4", "a:b", "a%s", "a*",	 "a.nodes.lock",
	};

	(void)state;
	assert_false(bc_name_valid(NULL));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(bc_name_valid(names[i]));
}

static void every_byte_is_decided_by_the_rule(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		const char name[] = {'x', (char)c, 'x', '\0'};
		bool expected = (c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9') || c == '.' ||
				c == '_' || c == '-';

		assert_int_equal(bc_name_valid(name), expected);
	}
}

static void length_is_1_to_63(void **state)
{
	char name[BCAST_NAME_MAX + 2];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[BCAST_NAME_MAX + 1] = '\0';
	assert_false(bc_name_valid(name));
	name[BCAST_NAME_MAX] = '\0';
	assert_true(bc_name_valid(name));
	name[BCAST_NAME_MAX - 1] = '\0';
	assert_true(bc_name_valid(name));
	name[1] = '\0';
	assert_true(bc_name_valid(name));
	name[0] = '\0';
	assert_false(bc_name_valid(name));
}

static void objects_are_named_after_the_stream(void **state)
{
	char object[BC_NAME_OBJECT_MAX];

	(void)state;
	assert_int_equal(bc_name_object(object, sizeof(object), "x", ""), 8);
	assert_string_equal(object, "/bcast.x");
	assert_int_equal(bc_name_object(object, sizeof(object), "x",
					BC_NAME_SUFFIX_NODES),
			 14);
	assert_string_equal(object, "/bcast.x.nodes");
	assert_int_equal(bc_name_object(object, sizeof(object), "x",
					BC_NAME_SUFFIX_LOCK),
			 13);
	assert_string_equal(object, "/bcast.x.lock");
}

static void the_longest_name_has_room(void **state)
{
	char object[BC_NAME_OBJECT_MAX];
	char name[BCAST_NAME_MAX + 1] = "";

	(void)state;
	memset(name, 'a', BCAST_NAME_MAX);

	assert_int_equal(bc_name_object(object, sizeof(object), name,
					BC_NAME_SUFFIX_NODES),
			 7 + 63 + 6);
}

static void a_refused_object_name_leaves_the_buffer_alone(void **state)
{
	char object[16] = "untouched";

	(void)state;
	assert_int_equal(bc_name_object(object, sizeof(object), ".x", ""),
			 BCAST_ENAME);
	assert_int_equal(bc_name_object(object, 8, "x", ""), -ENAMETOOLONG);
	assert_int_equal(bc_name_object(object, 0, "x", ""), -ENAMETOOLONG);
	assert_string_equal(object, "untouched");
	assert_int_equal(bc_name_object(object, 9, "x", ""), 8);
	assert_string_equal(object, "/bcast.x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_names_are_valid),
		cmocka_unit_test(names_that_could_harm_are_not),
		cmocka_unit_test(every_byte_is_decided_by_the_rule),
		cmocka_unit_test(length_is_1_to_63),
		cmocka_unit_test(objects_are_named_after_the_stream),
		cmocka_unit_test(the_longest_name_has_room),
		cmocka_unit_test(a_refused_object_name_leaves_the_buffer_alone),
	};

	return cmocka_run_group_tests_name("shm/name", tests, NULL, NULL);
}
