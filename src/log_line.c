/* SPDX-License-Identifier: MIT */
/*
 * log_line.c - see log_line.h.
 *
 * stdio's formatting is used, its streams are not: they allocate, and would
 * keep a line that was refused.
 */
#include "src/log_line.h"
#include "shm/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *log_line_level(enum log_level level)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARN] = "warn",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	return names[level];
}

/* ---- Bytes that are not for printing ----------------------------------- */

static bool printable(unsigned char c)
{
	return c >= ' ' && c <= '~';
}

/* Write a byte that is not printable as an escape; at most 5 with the NUL. */
static size_t escape(unsigned char c, char out[5])
{
	if (c == '\n')
		return (size_t)snprintf(out, 5, "\\n");
	if (c == '\t')
		return (size_t)snprintf(out, 5, "\\t");
	return (size_t)snprintf(out, 5, "\\x%02X", c);
}

/* How one byte is written within double quotes. */
static size_t quote(char c, char out[5])
{
	if (c == '"' || c == '\\')
		return (size_t)snprintf(out, 5, "\\%c", c);
	if (!printable((unsigned char)c))
		return escape((unsigned char)c, out);
	out[0] = c;
	return 1;
}

static bool is_word(const char *value)
{
	for (const char *c = value; *c != '\0'; c++) {
		if (!printable((unsigned char)*c) ||
		    strchr(" \"\\=", *c) != NULL)
			return false;
	}
	return *value != '\0';
}

const char *log_quote(const char *value, char *buffer, size_t size)
{
	static const char all[] = "\"";
	static const char cut[] = "...\"";
	const char *ending = all;
	size_t room = size - sizeof(all);
	size_t needed = 1;
	size_t used = 1;
	char piece[5];

	if (value == NULL)
		value = "";
	if (is_word(value) && strlen(value) < size)
		return memcpy(buffer, value, strlen(value) + 1);

	for (const char *c = value; *c != '\0' && needed <= room; c++)
		needed += quote(*c, piece);
	if (needed > room) {
		ending = cut;
		room = size - sizeof(cut);
	}
	buffer[0] = '"';
	for (const char *c = value; *c != '\0'; c++) {
		size_t length = quote(*c, piece);

		if (used + length > room)
			break;
		memcpy(buffer + used, piece, length);
		used += length;
	}
	memcpy(buffer + used, ending, strlen(ending) + 1);
	return buffer;
}

/*
 * Copy `text` with control bytes escaped, and end the line. What is too long
 * for a line is cut with "...".
 */
static uint32_t finish(const char *text, char line[LOG_LINE_MAX])
{
	uint32_t used = 0;
	uint32_t safe = 0; /* where "..." and the newline still fit */

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		char piece[5] = {(char)c};
		uint32_t length = printable(c) ? 1 : (uint32_t)escape(c, piece);

		if (used + length + 1 > LOG_LINE_MAX) {
			memset(line + safe, '.', 3);
			used = safe + 3;
			break;
		}
		memcpy(line + used, piece, length);
		used += length;
		if (used + 4 <= LOG_LINE_MAX)
			safe = used;
	}
	line[used++] = '\n';
	return used;
}

/* ---- A record ---------------------------------------------------------- */

/* One byte more than fits a line, so that finish() sees the excess. */
#define RAW_MAX (LOG_LINE_MAX + 1)

/* All but the pairs; where they come in the text, or its end. */
static size_t begin(struct log_record *record, enum log_level level,
		    const char *event, const char *format, char text[RAW_MAX])
{
	size_t used = (size_t)snprintf(
		text, RAW_MAX, "%s %s%s", log_line_level(level), event,
		format != NULL && *format != '\0' ? " " : "");

	record->realtime_ns = bc_realtime_ns();
	record->event = event;
	record->format = format;
	record->dropped = 0;
	record->level = level;
	return used < RAW_MAX ? used : RAW_MAX - 1;
}

void log_line_vmake(struct log_record *record, enum log_level level,
		    const char *event, const char *format, va_list arguments)
{
	char text[RAW_MAX];
	size_t used = begin(record, level, event, format, text);

	if (format != NULL)
		(void)vsnprintf(text + used, sizeof(text) - used, format,
				arguments);
	record->length = finish(text, record->text);
}

/* Not by log_line_vmake(): clang 14 does not see va_start() from there. */
void log_line_make(struct log_record *record, enum log_level level,
		   const char *event, const char *format, ...)
{
	char text[RAW_MAX];
	size_t used = begin(record, level, event, format, text);
	va_list arguments;

	if (format != NULL) {
		va_start(arguments, format);
		(void)vsnprintf(text + used, sizeof(text) - used, format,
				arguments);
		va_end(arguments);
	}
	record->length = finish(text, record->text);
}

/* ---- Taken apart ------------------------------------------------------- */

const char *log_line_pairs(const struct log_record *record)
{
	const char *at = record->text;

	/* level, event */
	for (int word = 0; word < 2; word++) {
		at += strcspn(at, " \n");
		at += *at == ' ';
	}
	return at;
}

static const char *end_of_quoted(const char *at)
{
	while (*at != '"' && *at != '\n')
		at += at[0] == '\\' && at[1] != '\n' ? 2 : 1;
	return at;
}

bool log_line_pair(const char *at, struct log_pair *pair)
{
	const char *end;

	pair->key = at;
	pair->key_length = strcspn(at, "= \"\n");
	if (pair->key_length == 0 || at[pair->key_length] != '=')
		return false;
	at += pair->key_length + 1;
	pair->quoted = *at == '"';
	pair->value = at + pair->quoted;
	end = pair->quoted ? end_of_quoted(pair->value)
			   : pair->value + strcspn(pair->value, " \n");
	pair->value_length = (size_t)(end - pair->value);
	end += pair->quoted && *end == '"';
	pair->end = end + (*end == ' ');
	return true;
}

/* ---- Written ----------------------------------------------------------- */

size_t log_line_time(uint64_t realtime_ns, char text[LOG_TIME_MAX])
{
	time_t second = (time_t)(realtime_ns / (uint64_t)BC_NS_PER_S);
	uint64_t rest_ns = realtime_ns % (uint64_t)BC_NS_PER_S;
	struct tm when = {.tm_year = 70};
	size_t used;

	(void)gmtime_r(&second, &when);
	used = strftime(text, LOG_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &when);
	return used + (size_t)snprintf(text + used, LOG_TIME_MAX - used,
				       ".%06uZ", (unsigned)(rest_ns / 1000));
}

size_t log_line_text(const struct log_record *record, bool with_time,
		     char line[LOG_OUT_MAX])
{
	char now[LOG_TIME_MAX];
	size_t used = 0;

	if (with_time) {
		(void)log_line_time(record->realtime_ns, now);
		used = (size_t)snprintf(line, LOG_OUT_MAX, "time=%s ", now);
	}
	memcpy(line + used, record->text, record->length);
	return used + record->length;
}

static bool is_cause(const struct log_pair *pair)
{
	static const char *const keys[] = {"option", "reason", "error", "code",
					   "cause",  "why",    "kind",	"addr"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i]) == pair->key_length &&
		    memcmp(keys[i], pair->key, pair->key_length) == 0)
			return true;
	return false;
}

void log_line_cause(const struct log_record *record, char *cause, size_t size)
{
	const char *at = log_line_pairs(record);
	struct log_pair pair;
	size_t used = 0;

	cause[0] = '\0';
	for (; log_line_pair(at, &pair) && used < size; at = pair.end) {
		int length = (int)(pair.end - pair.key);

		if (!is_cause(&pair))
			continue;
		length -= pair.end[-1] == ' ';
		used += (size_t)snprintf(cause + used, size - used, "%s%.*s",
					 used > 0 ? " " : "", length, pair.key);
	}
}
