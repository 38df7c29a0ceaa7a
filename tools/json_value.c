/* SPDX-License-Identifier: MIT */
/* json_value.c - see json_value.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_value.h"

#define MANY_LINES (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED)

struct json_object *json_value_NUMBER(uint64_t value)
{
	return json_object_new_uint64(value);
}

struct json_object *json_value_TEXT(const char *text)
{
	return json_object_new_string(text);
}

struct json_object *json_value_BOOL(uint32_t value)
{
	return json_object_new_boolean(value != 0);
}

struct json_object *json_value_HEX(uint64_t value)
{
	char text[sizeof("0x0123456789abcdef")];

	snprintf(text, sizeof(text), "0x%016" PRIx64, value);
	return json_object_new_string(text);
}

struct json_object *json_value_bytes(const unsigned char *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * size + 1);
	struct json_object *value;

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	value = json_object_new_string_len(text, (int)(2 * size));
	free(text);
	return value;
}

void json_value_add(struct json_object *object, const char *key,
		    struct json_object *value)
{
	(void)json_object_object_add(object, key, value);
}

int json_value_print(struct json_object *value, bool one_line)
{
	int layout = one_line ? JSON_C_TO_STRING_PLAIN : MANY_LINES;
	const char *text = json_object_to_json_string_ext(
		value, layout | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text)
		(void)puts(text);
	json_object_put(value);
	return text ? 0 : -ENOMEM;
}
