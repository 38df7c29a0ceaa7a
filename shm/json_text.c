/* SPDX-License-Identifier: MIT */
/* json_text.c - see json_text.h. */
#include <string.h>

#include "shm/json_text.h"

#define HEX_DIGITS 16u

static void add_bytes(struct bc_json_text *text, const char *bytes, size_t n)
{
	bc_cut_text_add(&text->out, bytes, n);
}

static void add_byte(struct bc_json_text *text, char byte)
{
	add_bytes(text, &byte, 1);
}

static void add_hex(struct bc_json_text *text, uint64_t value, unsigned digits)
{
	while (digits > 0)
		add_byte(text, "0123456789abcdef"[value >> 4 * --digits & 0xf]);
}

static void add_escape(struct bc_json_text *text, unsigned char byte)
{
	if (byte < ' ') {
		add_bytes(text, "\\u", 2);
		add_hex(text, byte, 4);
		return;
	}
	add_byte(text, '\\');
	add_byte(text, (char)byte);
}

static void add_string(struct bc_json_text *text, const char *string)
{
	static const char special[] =
		"\"\\\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e"
		"\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d"
		"\x1e\x1f";

	add_byte(text, '"');
	for (;;) {
		size_t plain = strcspn(string, special);

		add_bytes(text, string, plain);
		string += plain;
		if (*string == '\0')
			break;
		add_escape(text, (unsigned char)*string++);
	}
	add_byte(text, '"');
}

static void begin_value(struct bc_json_text *text, const char *key)
{
	if (text->follows)
		add_byte(text, ',');
	text->follows = true;
	if (!key)
		return;
	add_string(text, key);
	add_byte(text, ':');
}

size_t bc_json_finish(struct bc_json_text *text)
{
	return bc_cut_text_end(&text->out);
}

void bc_json_begin(struct bc_json_text *text, const char *key, char bracket)
{
	begin_value(text, key);
	add_byte(text, bracket);
	text->follows = false;
}

void bc_json_end(struct bc_json_text *text, char bracket)
{
	add_byte(text, bracket);
	text->follows = true;
}

void bc_json_NUMBER(struct bc_json_text *text, const char *key, uint64_t value)
{
	char digits[24];
	char *at = digits + sizeof(digits);

	begin_value(text, key);
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	add_bytes(text, at, (size_t)(digits + sizeof(digits) - at));
}

void bc_json_HEX(struct bc_json_text *text, const char *key, uint64_t value)
{
	begin_value(text, key);
	add_bytes(text, "\"0x", 3);
	add_hex(text, value, HEX_DIGITS);
	add_byte(text, '"');
}

void bc_json_BOOL(struct bc_json_text *text, const char *key, uint64_t value)
{
	begin_value(text, key);
	add_bytes(text, value ? "true" : "false", value ? 4 : 5);
}

void bc_json_TEXT(struct bc_json_text *text, const char *key, const char *value)
{
	begin_value(text, key);
	add_string(text, value);
}
