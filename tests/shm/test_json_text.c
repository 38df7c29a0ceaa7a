/* SPDX-License-Identifier: MIT */
/* test_json_text.c - json_text.c, as json-c reads it. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "shm/json_text.h"

static char buffer[4096];

static struct bc_json_text start(void)
{
	memset(buffer, '?', sizeof(buffer));
	return (struct bc_json_text){
		.out = {.buffer = buffer, .size = sizeof(buffer)}};
}

static struct json_object *finish(struct bc_json_text *text)
{
	size_t length = bc_json_finish(text);
	struct json_object *read;

	assert_int_equal(length, strlen(buffer));
	read = json_tokener_parse(buffer);
	if (!read)
		fail_msg("not JSON: %s", buffer);
	return read;
}

static void values_of_all_types_are_read_back(void **state)
{
	struct bc_json_text text = start();

	(void)state;
	bc_json_begin(&text, NULL, '{');
	bc_json_NUMBER(&text, "zero", 0);
	bc_json_NUMBER(&text, "most", UINT64_MAX);
	bc_json_HEX(&text, "hex", 0x12ab);
	bc_json_BOOL(&text, "yes", 8);
	bc_json_BOOL(&text, "no", 0);
	bc_json_TEXT(&text, "text", "a b");
	bc_json_end(&text, '}');
	json_object_put(finish(&text));

	assert_string_equal(buffer,
			    "{\"zero\":0,\"most\":18446744073709551615,"
			    "\"hex\":\"0x00000000000012ab\",\"yes\":true,"
			    "\"no\":false,\"text\":\"a b\"}");
}

static void commas_stand_between_values_and_nowhere_else(void **state)
{
	struct bc_json_text text = start();

	(void)state;
	bc_json_begin(&text, NULL, '[');
	bc_json_begin(&text, NULL, '{');
	bc_json_end(&text, '}');
	bc_json_begin(&text, NULL, '{');
	bc_json_begin(&text, "a", '[');
	bc_json_end(&text, ']');
	bc_json_NUMBER(&text, "b", 1);
	bc_json_end(&text, '}');
	bc_json_NUMBER(&text, NULL, 2);
	bc_json_end(&text, ']');
	json_object_put(finish(&text));

	assert_string_equal(buffer, "[{},{\"a\":[],\"b\":1},2]");
}

static void every_byte_of_a_text_and_of_a_key_survives(void **state)
{
	(void)state;
	for (unsigned byte = 1; byte < 0x80; byte++) {
		const char string[] = {'<', (char)byte, '>', '\0'};
		struct bc_json_text text = start();
		struct json_object *read, *value = NULL;

		bc_json_begin(&text, NULL, '{');
		bc_json_TEXT(&text, string, string);
		bc_json_end(&text, '}');
		read = finish(&text);

		assert_true(json_object_object_get_ex(read, string, &value));
		assert_string_equal(json_object_get_string(value), string);
		json_object_put(read);
	}
}

static void buffer_of_any_size_is_kept_to(void **state)
{
	static const char whole[] = "{\"key\":\"a\\u0001\\\"\"}";

	(void)state;
	for (size_t size = 0; size <= sizeof(whole) + 1; size++) {
		struct bc_json_text text = start();
		size_t kept = size < sizeof(whole) ? size : sizeof(whole);

		text.out.size = size;
		bc_json_begin(&text, NULL, '{');
		bc_json_TEXT(&text, "key", "a\x01\"");
		bc_json_end(&text, '}');

		assert_int_equal(bc_json_finish(&text), sizeof(whole) - 1);
		if (kept > 0) {
			assert_memory_equal(buffer, whole, kept - 1);
			assert_int_equal(buffer[kept - 1], '\0');
		}
		assert_int_equal(buffer[kept], '?');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_all_types_are_read_back),
		cmocka_unit_test(commas_stand_between_values_and_nowhere_else),
		cmocka_unit_test(every_byte_of_a_text_and_of_a_key_survives),
		cmocka_unit_test(buffer_of_any_size_is_kept_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
