/* SPDX-License-Identifier: MIT */
/* The JSON form of a line: what it says, and that every line is JSON. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

#include "src/log_json.h"

static char line[LOG_OUT_MAX];

/* The event as an object, to be freed; the test fails if it is none. */
static struct json_object *parse(size_t length)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	assert_int_equal(line[length - 1], '\n');
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, line, (int)length - 1);
	if (json_tokener_get_error(tokener) != json_tokener_success &&
	    json_tokener_get_error(tokener) != json_tokener_continue)
		fail_msg("no JSON: %.*s", (int)length, line);
	json_tokener_free(tokener);
	assert_non_null(object);
	return object;
}

#define JSON_OF(...)                                                        \
	(log_line_make(&record, LOG_LEVEL_INFO, "event", __VA_ARGS__),      \
	 record.realtime_ns = UINT64_C(1795272678123456789),                \
	 line[log_json_line(&record, false, line) - 1] = '\0', (void)state, \
	 line)

static struct log_record record;

static void pairs_are_members(void **state)
{
	assert_string_equal(JSON_OF(NULL),
			    "{\"level\":\"info\",\"event\":\"event\"}");
	assert_string_equal(JSON_OF("addr=%s role=any", "127.0.0.1:7400"),
			    "{\"level\":\"info\",\"event\":\"event\","
			    "\"addr\":\"127.0.0.1:7400\",\"role\":\"any\"}");
	assert_string_equal(JSON_OF("fix=\"say \\\"no\\\"\" empty=\"\""),
			    "{\"level\":\"info\",\"event\":\"event\","
			    "\"fix\":\"say \\\"no\\\"\",\"empty\":\"\"}");
}

static void time_comes_first(void **state)
{
	size_t length;

	(void)JSON_OF("n=1");
	length = log_json_line(&record, true, line);

	line[length - 1] = '\0';
	assert_string_equal(line,
			    "{\"time\":\"2026-11-21T14:51:18.123456Z\","
			    "\"level\":\"info\",\"event\":\"event\",\"n\":1}");
}

#define VALUE(...) (strrchr(JSON_OF(__VA_ARGS__), ':') + 1)

static void numbers_are_numbers_to_the_last_digit(void **state)
{
	assert_string_equal(VALUE("v=%d", 0), "0}");
	assert_string_equal(VALUE("v=%d", -7), "-7}");
	assert_string_equal(VALUE("v=%llu", 18446744073709551615ull),
			    "18446744073709551615}");
	assert_string_equal(VALUE("v=%.1f", 2.5), "2.5}");
}

static void what_only_looks_like_a_number_is_text(void **state)
{
	assert_string_equal(VALUE("v=%04o", 0640), "\"0640\"}");
	assert_string_equal(VALUE("v=0x%x", 16), "\"0x10\"}");
	assert_string_equal(VALUE("v=1."), "\"1.\"}");
	assert_string_equal(VALUE("v=.5"), "\".5\"}");
	assert_string_equal(VALUE("v=-"), "\"-\"}");
	assert_string_equal(VALUE("v=12M"), "\"12M\"}");
	assert_string_equal(VALUE("v="), "\"\"}");
	/* names and such */
	assert_string_equal(VALUE("v=%s", "7"), "\"7\"}");
	assert_string_equal(VALUE("a=1 v=%s", "7"), "\"7\"}");
	assert_string_equal(VALUE("v=\"7\""), "\"7\"}");
	/* another key that ends the same */
	assert_string_equal(VALUE("av=%s v=%d", "x", 7), "7}");
	/* 24 digits and 25 */
	assert_string_equal(VALUE("v=123456789012345678901234"),
			    "123456789012345678901234}");
	assert_string_equal(VALUE("v=1234567890123456789012345"),
			    "\"1234567890123456789012345\"}");
}

static void bytes_are_escaped_as_json_wants(void **state)
{
	char quoted[64];

#define QUOTED(text) VALUE("v=%s", log_quote(text, quoted, sizeof(quoted)))
	assert_string_equal(QUOTED("a\nb\tc\x01\x7f"),
			    "\"a\\nb\\tc\\u0001\\u007f\"}");
	assert_string_equal(QUOTED("back\\slash"), "\"back\\\\slash\"}");
	assert_string_equal(QUOTED("\xC3\xA9t\xE2\x82\xAC \xF0\x9F\x90\x9F"),
			    "\"\xC3\xA9t\xE2\x82\xAC \xF0\x9F\x90\x9F\"}");
	/* alone, overlong, cut short, a surrogate, beyond the last */
	assert_string_equal(QUOTED("\xFF\x80"), "\"\\ufffd\\ufffd\"}");
	assert_string_equal(QUOTED("\xC0\xAF"), "\"\\ufffd\\ufffd\"}");
	assert_string_equal(QUOTED("\xE2\x82"), "\"\\ufffd\\ufffd\"}");
	assert_string_equal(QUOTED("\xED\xA0\x80"),
			    "\"\\ufffd\\ufffd\\ufffd\"}");
	assert_string_equal(QUOTED("\xF4\x90\x80\x80"),
			    "\"\\ufffd\\ufffd\\ufffd\\ufffd\"}");
#undef QUOTED
}

static void what_is_no_pair_is_kept_as_text(void **state)
{
	assert_string_equal(JSON_OF("a=1 and more b=2"),
			    "{\"level\":\"info\",\"event\":\"event\",\"a\":1,"
			    "\"text\":\"and more b=2\"}");
	assert_string_equal(JSON_OF("=1"),
			    "{\"level\":\"info\",\"event\":\"event\","
			    "\"text\":\"=1\"}");
}

/* Any bytes at all, cut or not: one object, with nothing behind it. */
static void every_line_is_json(void **state)
{
	static const char letters[] = "ab=\" \\\x01\xC3\xA9\xFFx0.7-";
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		char noise[1200];
		size_t length = (size_t)(round % 1190);

		for (size_t i = 0; i < length; i++) {
			random = random * 1664525u + 1013904223u;
			noise[i] =
				letters[(random >> 16) % (sizeof(letters) - 1)];
		}
		noise[length] = '\0';
		log_line_make(&record, LOG_LEVEL_WARN, "noise", "v=%s %s",
			      round % 2 ? "1" : "\"", noise);
		json_object_put(parse(log_json_line(&record, true, line)));
	}
}

/* The longest there can be: pairs without values, escapes, bad bytes. */
static void longest_lines_fit(void **state)
{
	static const char *const pieces[] = {"a= ", "\x01", "\xFF", "\\\"",
					     "a=b "};

	(void)state;
	for (int i = 0; i < 5; i++) {
		char text[LOG_LINE_MAX + 8] = "";
		size_t length = 0;

		while (length + 4 < LOG_LINE_MAX)
			length += (size_t)snprintf(text + length,
						   sizeof(text) - length, "%s",
						   pieces[i]);
		log_line_make(&record, LOG_LEVEL_WARN, "noise", "%s", text);
		assert_true(record.length > LOG_LINE_MAX - 8);
		length = log_json_line(&record, true, line);
		assert_true(length < LOG_OUT_MAX - 64);
		json_object_put(parse(length));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_members),
		cmocka_unit_test(time_comes_first),
		cmocka_unit_test(numbers_are_numbers_to_the_last_digit),
		cmocka_unit_test(what_only_looks_like_a_number_is_text),
		cmocka_unit_test(bytes_are_escaped_as_json_wants),
		cmocka_unit_test(what_is_no_pair_is_kept_as_text),
		cmocka_unit_test(every_line_is_json),
		cmocka_unit_test(longest_lines_fit),
	};

	return cmocka_run_group_tests_name("src/log_json", tests, NULL, NULL);
}
