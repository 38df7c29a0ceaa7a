/* SPDX-License-Identifier: MIT */
/*
 * metric_text.c - see metric_text.h.
 *
 * Names and helps of counters come out of the segment. They are printable
 * (text.h), but may be any text: names are made names here, and what has a
 * meaning in the format is escaped.
 */
#include <string.h>

#include "shm/metric_text.h"

/* What is measured in a unit, and how many decimals it has in the base unit. */
struct unit {
	const char *name;
	const char *base;
	unsigned decimals;
};

static const struct unit units[] = {
	{"bytes", "bytes", 0}, {"ns", "seconds", 9}, {"us", "seconds", 6},
	{"ms", "seconds", 3},  {"s", "seconds", 0},
};

/* NULL: a plain count, or a unit that we do not know of. */
static const struct unit *unit_of(const struct bc_metric *metric)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].name, metric->unit) == 0)
			return &units[i];
	return NULL;
}

/* ---- Texts and numbers ------------------------------------------------- */

static void add_bytes(struct bc_metric_text *text, const char *bytes, size_t n)
{
	bc_cut_text_add(&text->out, bytes, n);
}

static void add(struct bc_metric_text *text, const char *string)
{
	add_bytes(text, string, strlen(string));
}

static void add_escaped(struct bc_metric_text *text, const char *string,
			const char *special)
{
	for (;;) {
		size_t plain = strcspn(string, special);

		add_bytes(text, string, plain);
		string += plain;
		if (*string == '\0')
			return;
		add(text, *string == '\n' ? "\\n" : "\\");
		if (*string != '\n')
			add_bytes(text, string, 1);
		string++;
	}
}

static void add_number(struct bc_metric_text *text, uint64_t value,
		       unsigned decimals)
{
	char digits[24];
	char *at = digits + sizeof(digits);

	for (unsigned n = 0; value > 0 || n <= decimals; n++) {
		if (n == decimals && decimals > 0)
			*--at = '.';
		*--at = (char)('0' + value % 10);
		value /= 10;
	}
	add_bytes(text, at, (size_t)(digits + sizeof(digits) - at));
}

/* ---- Names ------------------------------------------------------------- */

static bool is_of_name(char letter)
{
	return (letter >= 'a' && letter <= 'z') ||
	       (letter >= 'A' && letter <= 'Z') ||
	       (letter >= '0' && letter <= '9');
}

/* The words of the key, each with a "_" in front, but not its unit. */
static void add_words(struct bc_metric_text *text, const char *key,
		      const char *unit)
{
	size_t unit_length = strlen(unit);

	while (*key) {
		size_t length = strcspn(key, "_");

		if (length > 0 &&
		    (length != unit_length || memcmp(key, unit, length) != 0)) {
			add(text, "_");
			for (size_t i = 0; i < length; i++)
				add_bytes(text,
					  is_of_name(key[i]) ? &key[i] : "_",
					  1);
		}
		key += length;
		key += *key == '_';
	}
}

static void add_name(struct bc_metric_text *text,
		     const struct bc_metric *metric)
{
	const struct unit *unit = unit_of(metric);

	add(text, "bcast");
	add_words(text, metric->section, "");
	add_words(text, metric->key, unit ? metric->unit : "");
	if (unit) {
		add(text, "_");
		add(text, unit->base);
	}
	if (metric->kind == BC_METRIC_COUNTER)
		add(text, "_total");
}

static const char *type_of(const struct bc_metric *metric)
{
	switch (metric->kind) {
	case BC_METRIC_COUNTER:
		return "counter";
	case BC_METRIC_HISTOGRAM:
		return "histogram";
	case BC_METRIC_NONE:
	case BC_METRIC_LABEL:
	case BC_METRIC_GAUGE:
		break;
	}
	return "gauge";
}

/* ---- The format -------------------------------------------------------- */

size_t bc_metric_end(struct bc_metric_text *text)
{
	return bc_cut_text_end(&text->out);
}

void bc_metric_head(struct bc_metric_text *text, const struct bc_metric *metric)
{
	add(text, "# HELP ");
	add_name(text, metric);
	add(text, " ");
	add_escaped(text, metric->help, "\\\n");
	add(text, "\n# TYPE ");
	add_name(text, metric);
	add(text, " ");
	add(text, type_of(metric));
	add(text, "\n");
}

void bc_metric_sample(struct bc_metric_text *text,
		      const struct bc_metric *metric, const char *suffix)
{
	add_name(text, metric);
	add(text, suffix);
	text->labelled = false;
}

static void begin_label(struct bc_metric_text *text, const char *name)
{
	add(text, text->labelled ? "," : "{");
	add(text, name);
	add(text, "=\"");
	text->labelled = true;
}

void bc_metric_label(struct bc_metric_text *text, const char *name,
		     const char *value)
{
	begin_label(text, name);
	add_escaped(text, value, "\\\"\n");
	add(text, "\"");
}

void bc_metric_label_number(struct bc_metric_text *text, const char *name,
			    uint64_t value)
{
	begin_label(text, name);
	add_number(text, value, 0);
	add(text, "\"");
}

void bc_metric_label_TEXT(struct bc_metric_text *text, const char *name,
			  const char *value)
{
	bc_metric_label(text, name, value);
}

void bc_metric_label_HEX(struct bc_metric_text *text, const char *name,
			 uint64_t value)
{
	static const char digits[] = "0123456789abcdef";
	char hex[] = "0x0123456789abcdef";

	for (unsigned i = 0; i < 16; i++)
		hex[2 + i] = digits[value >> (60 - 4 * i) & 15];
	bc_metric_label(text, name, hex);
}

void bc_metric_label_bound(struct bc_metric_text *text,
			   const struct bc_metric *metric, uint64_t bound)
{
	const struct unit *unit = unit_of(metric);

	if (bound == UINT64_MAX) {
		bc_metric_label(text, "le", "+Inf");
		return;
	}
	begin_label(text, "le");
	add_number(text, bound, unit ? unit->decimals : 0);
	add(text, "\"");
}

static void end_sample(struct bc_metric_text *text, uint64_t value,
		       unsigned decimals)
{
	add(text, text->labelled ? "} " : " ");
	add_number(text, value, decimals);
	add(text, "\n");
}

void bc_metric_value(struct bc_metric_text *text,
		     const struct bc_metric *metric, uint64_t value)
{
	const struct unit *unit = unit_of(metric);

	end_sample(text, value, unit ? unit->decimals : 0);
}

void bc_metric_count(struct bc_metric_text *text, uint64_t count)
{
	end_sample(text, count, 0);
}
