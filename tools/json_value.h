/* SPDX-License-Identifier: MIT */
/*
 * json_value.h - JSON values by the types that bcast/fields.def names, and
 * printing them.
 *
 * json-c does the work: it escapes, and it has integers of 64 bits without a
 * sign, which positions are. It sets keys in the order given.
 */
#ifndef TOOLS_JSON_VALUE_H
#define TOOLS_JSON_VALUE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The types of the tables. NULL: out of memory. */
struct json_object *json_value_NUMBER(uint64_t value);
struct json_object *json_value_TEXT(const char *text);
struct json_object *json_value_BOOL(uint32_t value);
struct json_object *json_value_HEX(uint64_t value);

/* json_value_bytes - in hexadecimal, two digits a byte. NULL: as above. */
struct json_object *json_value_bytes(const unsigned char *bytes, size_t size);

/*
 * json_value_add - set a key; the object then owns the value. Out of memory:
 * the object lacks the key, which json-c does not report; the text of the whole
 * is then short of memory as well, and that is reported.
 */
void json_value_add(struct json_object *object, const char *key,
		    struct json_object *value);

/*
 * json_value_print - print it on standard output, over several lines or on
 * one, and free it. Returns 0 or -ENOMEM; errors of output show when the stream
 * is closed.
 */
int json_value_print(struct json_object *value, bool one_line);

#endif
