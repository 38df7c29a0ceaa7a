/* SPDX-License-Identifier: MIT */
/*
 * log_json.c - see log_json.h.
 *
 * Written by hand: the input is a line whose form we have made ourselves, of
 * flat pairs, and the only rules of JSON that matter are those of strings and
 * numbers. json-c, which the tools use, would allocate for each member, and
 * make the daemon depend on it.
 *
 * The pairs are taken from the finished text, so that both forms cannot differ
 * in what they say. Whether a value was a text is asked of the format string.
 */
#include "src/log_json.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_MAX 24 /* longer ones are no numbers of ours */

/* A line in the making. All fits: see CEILING. */
struct json {
	char *line;
	size_t used;
};

/*
 * A text grows most where it is of pairs without a value: "a= " becomes
 * ,"a":"" which is 7 bytes of 3. An escape of 4 bytes becomes one of 6, and so
 * does a byte that is no UTF-8.
 */
#define HEAD_MAX 256
#define CEILING	 (3 * LOG_LINE_MAX + HEAD_MAX)
_Static_assert(CEILING + 16 <= LOG_OUT_MAX, "a line as JSON has room");

static void put(struct json *json, const char *text, size_t length)
{
	if (json->used + length > LOG_OUT_MAX - 16)
		return;
	memcpy(json->line + json->used, text, length);
	json->used += length;
}

static void put_text(struct json *json, const char *text)
{
	put(json, text, strlen(text));
}

/* ---- Strings ----------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One byte of a value, its escape undone. Moves *at past it. */
static unsigned char byte_at(const char **at, const char *end)
{
	const char *c = *at;

	if (c[0] != '\\' || end - c < 2) {
		*at += 1;
		return (unsigned char)c[0];
	}
	*at += 2;
	if (c[1] == 'n')
		return '\n';
	if (c[1] == 't')
		return '\t';
	if (c[1] == 'x' && end - c >= 4 && hex_digit(c[2]) >= 0 &&
	    hex_digit(c[3]) >= 0) {
		*at += 2;
		return (unsigned char)(hex_digit(c[2]) * 16 + hex_digit(c[3]));
	}
	return (unsigned char)c[1];
}

/* How many bytes the UTF-8 character has that begins here; 0: it is none. */
static size_t character(const unsigned char *c, size_t left)
{
	size_t length = c[0] >= 0xF0 ? 4 : c[0] >= 0xE0 ? 3 : 2;

	if (c[0] < 0xC2 || c[0] > 0xF4 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((c[i] & 0xC0) != 0x80)
			return 0;
	/* overlong, a surrogate, beyond the last */
	if ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F) ||
	    (c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F))
		return 0;
	return length;
}

static void put_ascii(struct json *json, unsigned char c)
{
	char piece[8] = {(char)c};

	if (c == '"' || c == '\\')
		snprintf(piece, sizeof(piece), "\\%c", c);
	else if (c == '\n')
		snprintf(piece, sizeof(piece), "\\n");
	else if (c == '\t')
		snprintf(piece, sizeof(piece), "\\t");
	else if (c < ' ' || c == 0x7F)
		snprintf(piece, sizeof(piece), "\\u%04x", c);
	put_text(json, piece);
}

/* `text` has no bytes but printable ones: others are escaped. */
static void put_string(struct json *json, const char *text, size_t length)
{
	unsigned char bytes[LOG_LINE_MAX];
	const char *end = text + length;
	size_t count = 0, whole;

	while (text < end)
		bytes[count++] = byte_at(&text, end);
	put_text(json, "\"");
	for (size_t i = 0; i < count; i += whole) {
		whole = 1;
		if (bytes[i] == '\0')
			put_text(json, "\\u0000");
		else if (bytes[i] < 0x80)
			put_ascii(json, bytes[i]);
		else if ((whole = character(bytes + i, count - i)) > 0)
			put(json, (const char *)bytes + i, whole);
		else {
			put_text(json, "\\ufffd");
			whole = 1;
		}
	}
	put_text(json, "\"");
}

/* ---- Numbers ----------------------------------------------------------- */

static size_t digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)? and nothing behind it. */
static bool is_number(const char *value, size_t length)
{
	char text[NUMBER_MAX + 1] = "";
	const char *at = text;

	if (length == 0 || length > NUMBER_MAX)
		return false;
	memcpy(text, value, length);
	at += *at == '-';
	if (digits(at) == 0 || (*at == '0' && digits(at) > 1))
		return false;
	at += digits(at);
	if (*at == '.') {
		if (digits(at + 1) == 0)
			return false;
		at += 1 + digits(at + 1);
	}
	return *at == '\0';
}

/* Was it given as key=%s? */
static bool is_text(const struct log_record *record,
		    const struct log_pair *pair)
{
	const char *at = record->format;

	while (at != NULL && (at = strstr(at, "=%s")) != NULL) {
		const char *key = at - pair->key_length;

		if (key >= record->format &&
		    memcmp(key, pair->key, pair->key_length) == 0 &&
		    (key == record->format || key[-1] == ' '))
			return true;
		at++;
	}
	return false;
}

/* ---- The whole --------------------------------------------------------- */

static void put_pair(struct json *json, const struct log_record *record,
		     const struct log_pair *pair)
{
	put_text(json, ",");
	put_string(json, pair->key, pair->key_length);
	put_text(json, ":");
	if (!pair->quoted && is_number(pair->value, pair->value_length) &&
	    !is_text(record, pair))
		put(json, pair->value, pair->value_length);
	else
		put_string(json, pair->value, pair->value_length);
}

size_t log_json_line(const struct log_record *record, bool with_time,
		     char line[LOG_OUT_MAX])
{
	const char *at = log_line_pairs(record);
	struct json json = {.line = line};
	char now[LOG_TIME_MAX];
	struct log_pair pair;

	put_text(&json, "{");
	if (with_time) {
		put_text(&json, "\"time\":\"");
		put(&json, now, log_line_time(record->realtime_ns, now));
		put_text(&json, "\",");
	}
	put_text(&json, "\"level\":\"");
	put_text(&json, log_line_level(record->level));
	put_text(&json, "\",\"event\":");
	put_string(&json, record->event, strnlen(record->event, HEAD_MAX / 4));
	for (; log_line_pair(at, &pair); at = pair.end)
		put_pair(&json, record, &pair);
	if (*at != '\n') {
		put_text(&json, ",\"text\":");
		put_string(&json, at, strcspn(at, "\n"));
	}
	memcpy(line + json.used, "}\n", 2);
	return json.used + 2;
}
