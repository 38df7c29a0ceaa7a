/* SPDX-License-Identifier: MIT */
/*
 * options.c - the option table, and its rows put into words.
 *
 * Ranges are described from the same numbers that config_value.c checks
 * against, so that the two cannot disagree.
 */
#include "src/options.h"
#include "src/config.h"
#include "src/parse.h"

#include <stdio.h>
#include <string.h>

#define BC_HEADING(title_) {.name = (title_), .kind = OPTION_HEADING},
#define BC_OPTION(name_, argument_, kind_, field_, preset_, minimum_,  \
		  maximum_, help_)                                     \
	{                                                              \
		.name = (name_),                                       \
		.argument = (argument_),                               \
		.kind = OPTION_##kind_,                                \
		.field = offsetof(struct config, field_),              \
		.field_size = sizeof(((struct config *)NULL)->field_), \
		.preset = (preset_),                                   \
		.minimum = (int64_t)(minimum_),                        \
		.maximum = (int64_t)(maximum_),                        \
		.help = (help_),                                       \
	},
#define BC_FLAG(name_, field_, help_)                                  \
	{                                                              \
		.name = (name_),                                       \
		.kind = OPTION_FLAG,                                   \
		.field = offsetof(struct config, field_),              \
		.field_size = sizeof(((struct config *)NULL)->field_), \
		.preset = "",                                          \
		.help = (help_),                                       \
	},
#define BC_ACTION(name_, kind_, help_) \
	{.name = (name_),              \
	 .kind = OPTION_##kind_,       \
	 .preset = "",                 \
	 .help = (help_)},

const struct option_row options_table[OPTIONS_COUNT] = {
#include "src/options.def"
};

/*
 * What can change while the daemon runs. Whoever adds one here sees to it that
 * its field is looked at when it is needed, through the daemon's or the lane's
 * config, and not kept elsewhere; or that reload.c puts it there.
 */
#define LIVE(field_) offsetof(struct config, field_)
static const size_t live_fields[] = {
	LIVE(max_receivers),
	LIVE(reassign),
	LIVE(slow_policy),
	LIVE(max_lag_bytes),
	LIVE(send_timeout_ms),
	LIVE(drain_timeout_ms),
	LIVE(hello_timeout_ms),
	LIVE(heartbeat_ms),
	LIVE(idle_timeout_ms),
	LIVE(echo_mode),
	LIVE(echo_batch_delay_us),
	LIVE(echo_max_bytes),
	LIVE(echo_budget_bytes),
	LIVE(keepalive_ms),
	LIVE(user_timeout_ms),
	LIVE(log_level),
	LIVE(log_rate),
	LIVE(rates[CONFIG_RATE_INGEST]),
	LIVE(rates[CONFIG_RATE_RECORDS]),
	LIVE(rates[CONFIG_RATE_EGRESS]),
};

bool options_is_address(const struct option_row *row)
{
	return row->kind == OPTION_LISTEN || row->kind == OPTION_INGEST ||
	       row->kind == OPTION_EGRESS || row->kind == OPTION_PACKET ||
	       row->kind == OPTION_ECHO || row->kind == OPTION_ADMIN;
}

bool options_has_value(const struct option_row *row)
{
	return row->kind != OPTION_HEADING && row->argument != NULL;
}

bool options_is_live(const struct option_row *row)
{
	if (!options_has_value(row))
		return false;
	for (size_t i = 0; i < sizeof(live_fields) / sizeof(live_fields[0]);
	     i++)
		if (live_fields[i] == row->field)
			return true;
	return false;
}

const struct option_row *options_find(const char *name)
{
	for (int i = 0; i < OPTIONS_COUNT; i++)
		if (options_table[i].kind != OPTION_HEADING &&
		    strcmp(options_table[i].name, name) == 0)
			return &options_table[i];
	return NULL;
}

/* "a|b|c" as "a, b or c". */
static void list_words(const char *words, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	while (used < size) {
		size_t length = strcspn(words, "|");
		const char *next = words + length;
		const char *mark = "";

		if (*next == '|')
			mark = strchr(next + 1, '|') != NULL ? ", " : " or ";
		used += (size_t)snprintf(buffer + used, size - used, "%.*s%s",
					 (int)length, words, mark);
		if (*next == '\0')
			return;
		words = next + 1;
	}
}

/* What does not depend on the row; NULL: the kind has a range. */
static const char *allowed_always(enum option_kind kind)
{
	switch (kind) {
	case OPTION_HEADING:
	case OPTION_FLAG:
	case OPTION_CHECK:
	case OPTION_HELP:
	case OPTION_VERSION:
		return "no value";
	case OPTION_NAME:
		return "1 to 63 of A-Z a-z 0-9 . _ -, no dot first, and not "
		       ".nodes or .lock last";
	case OPTION_LISTEN:
	case OPTION_INGEST:
	case OPTION_EGRESS:
	case OPTION_PACKET:
	case OPTION_ECHO:
		return "HOST:PORT, the host a name, an IPv4 address, [IPv6] or "
		       "* for all, the port from 0 to 65535, where 0 picks a "
		       "free one; or unix:/PATH or unix:@NAME of up to 107 "
		       "bytes; at most 16 addresses in all";
	case OPTION_LAG:
		return "from 2M, or a quarter of a ring below 8M, to 7/8 of "
		       "the ring; in bytes or as a percentage of the ring";
	case OPTION_GROUP:
		return "the name or the number of a group of this system";
	case OPTION_CONGESTION:
		return "auto, system, or a name of up to 15 letters, digits, _ "
		       "and -";
	case OPTION_ADMIN:
		return "an address as for --listen, or PORT alone for "
		       "127.0.0.1:PORT";
	case OPTION_FILE:
	case OPTION_CONFIG:
		return "a path of up to 255 bytes";
	case OPTION_MODE:
	case OPTION_RING:
	case OPTION_SIZE:
	case OPTION_LIMIT:
	case OPTION_BYTES:
	case OPTION_DURATION:
	case OPTION_INTERVAL:
	case OPTION_NUMBER:
	case OPTION_WORD:
		break;
	}
	return NULL;
}

static void describe_times(const struct option_row *row, char *buffer,
			   size_t size)
{
	char low[PARSE_TEXT_MAX], high[PARSE_TEXT_MAX];
	bool fine = row->kind == OPTION_INTERVAL;
	const char *(*print)(uint64_t, char *, size_t) =
		fine ? parse_print_interval : parse_print_duration;

	(void)snprintf(buffer, size, "from %s to %s, such as %s",
		       print((uint64_t)row->minimum, low, sizeof(low)),
		       print((uint64_t)row->maximum, high, sizeof(high)),
		       fine ? "50us or 1ms" : "500ms, 5s or 1m");
}

const char *options_allowed(const struct option_row *row, char *buffer,
			    size_t size)
{
	const char *always = allowed_always(row->kind);
	char low[PARSE_TEXT_MAX], high[PARSE_TEXT_MAX];

	parse_print_size((uint64_t)row->minimum, low, sizeof(low));
	parse_print_size((uint64_t)row->maximum, high, sizeof(high));
	if (always != NULL)
		(void)snprintf(buffer, size, "%s", always);
	else if (row->kind == OPTION_MODE)
		(void)snprintf(buffer, size,
			       "an octal mode from %04o to %04o with read and "
			       "write for the owner, no write for others, and "
			       "no execute",
			       (unsigned int)row->minimum,
			       (unsigned int)row->maximum);
	else if (row->kind == OPTION_RING)
		(void)snprintf(buffer, size, "a power of two from %s to %s",
			       low, high);
	else if (row->kind == OPTION_SIZE)
		(void)snprintf(buffer, size,
			       "from %s to %s, or 0 for the system's choice",
			       low, high);
	else if (row->kind == OPTION_LIMIT)
		(void)snprintf(buffer, size, "from %s to %s, or 0 for no limit",
			       low, high);
	else if (row->kind == OPTION_BYTES)
		(void)snprintf(buffer, size, "from %s to %s", low, high);
	else if (row->kind == OPTION_DURATION || row->kind == OPTION_INTERVAL)
		describe_times(row, buffer, size);
	else if (row->kind == OPTION_NUMBER)
		(void)snprintf(buffer, size, "from %lld to %lld",
			       (long long)row->minimum,
			       (long long)row->maximum);
	else
		list_words(row->argument, buffer, size);
	return buffer;
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

#define NEAR_MAX 32 /* longer names are like nothing we have */

/*
 * Letters to insert, drop, replace or swap with the next, to make one word of
 * the other (optimal string alignment).
 */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int cost[NEAR_MAX + 1][NEAR_MAX + 1];
	size_t rows = strlen(a);
	size_t columns = strlen(b);

	if (rows > NEAR_MAX || columns > NEAR_MAX)
		return NEAR_MAX;
	for (size_t i = 0; i <= rows; i++)
		cost[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= columns; j++)
		cost[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= rows; i++) {
		for (size_t j = 1; j <= columns; j++) {
			unsigned int other = a[i - 1] != b[j - 1];
			unsigned int best = cost[i - 1][j - 1] + other;

			best = least(best, cost[i - 1][j] + 1);
			best = least(best, cost[i][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				best = least(best, cost[i - 2][j - 2] + 1);
			cost[i][j] = best;
		}
	}
	return cost[rows][columns];
}

const struct option_row *options_nearest(const char *name)
{
	const struct option_row *nearest = NULL;
	unsigned int limit = (unsigned int)(strlen(name) + 1) / 3;

	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];
		unsigned int steps;

		if (row->kind == OPTION_HEADING)
			continue;
		/* A beginning that fits several options. */
		if (nearest == NULL && name[0] != '\0' &&
		    strncmp(name, row->name, strlen(name)) == 0)
			nearest = row;
		steps = distance(name, row->name);
		if (steps > limit)
			continue;
		nearest = row;
		/* From here on only something nearer will do. */
		if (steps == 0)
			break;
		limit = steps - 1;
	}
	return nearest;
}

bool options_range_shown(const struct option_row *row)
{
	switch (row->kind) {
	case OPTION_HEADING:
	case OPTION_FLAG:
	case OPTION_CHECK:
	case OPTION_HELP:
	case OPTION_VERSION:
	case OPTION_WORD:   /* the argument lists them */
	case OPTION_INGEST: /* as for --listen */
	case OPTION_EGRESS:
	case OPTION_PACKET:
	case OPTION_ECHO:
		return false;
	case OPTION_NAME:
	case OPTION_LISTEN:
	case OPTION_ADMIN:
	case OPTION_RING:
	case OPTION_SIZE:
	case OPTION_LIMIT:
	case OPTION_FILE:
	case OPTION_CONFIG:
	case OPTION_BYTES:
	case OPTION_LAG:
	case OPTION_DURATION:
	case OPTION_INTERVAL:
	case OPTION_NUMBER:
	case OPTION_MODE:
	case OPTION_GROUP:
	case OPTION_CONGESTION:
		break;
	}
	return true;
}

#define HELP_COLUMN 22
#define HELP_WIDTH  79

/* Print `text` in lines from HELP_COLUMN on; `column` is where we are now. */
static void print_wrapped(FILE *out, const char *text, int column)
{
	if (column > HELP_COLUMN - 2) {
		(void)fputc('\n', out);
		column = 0;
	}
	(void)fprintf(out, "%*s", HELP_COLUMN - column, "");
	column = HELP_COLUMN;
	while (*text != '\0') {
		int length = (int)strcspn(text, " ");

		if (column > HELP_COLUMN && column + 1 + length > HELP_WIDTH) {
			(void)fprintf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		}
		column +=
			fprintf(out, "%s%.*s", column > HELP_COLUMN ? " " : "",
				length, text);
		text += length;
		text += strspn(text, " ");
	}
	(void)fputc('\n', out);
}

static void print_row(FILE *out, const struct option_row *row)
{
	char allowed[OPTIONS_TEXT_MAX] = "";
	char text[3 * OPTIONS_TEXT_MAX];
	bool range = options_range_shown(row);
	bool preset = row->preset[0] != '\0';
	int column;

	if (range)
		options_allowed(row, allowed, sizeof(allowed));
	(void)snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", row->help,
		       range ? " Allowed: " : "", allowed, range ? "." : "",
		       preset ? " Default: " : "", row->preset,
		       preset ? "." : "");
	column = fprintf(out, "  --%s%s%s", row->name,
			 row->argument != NULL ? " " : "",
			 row->argument != NULL ? row->argument : "");
	print_wrapped(out, text, column);
}

void options_print_help(FILE *out)
{
	(void)fputs("Usage: bcastd [OPTION]...\n"
		    "Keep a stream in a ring in shared memory: take it from a "
		    "TCP sender, or let a\n"
		    "local process write it; let local processes read it in "
		    "place, and send the same\n"
		    "bytes to every TCP receiver.\n",
		    out);
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];

		if (row->kind == OPTION_HEADING)
			(void)fprintf(out, "\n%s:\n", row->name);
		else
			print_row(out, row);
	}
	(void)fputs(
		"\nSizes take K, M, G and T, powers of 1024. An option with "
		"a value can also be\nset in the environment "
		"(BCASTD_RING_SIZE=64M) or in the file of --config\n"
		"(ring-size = 64M); the command line comes first, then "
		"the environment, then\nthe file. See bcastd(8).\n",
		out);
}

/* ---- An example -------------------------------------------------------- */

/* In lines that begin with "# ". */
static void print_comment(FILE *out, const char *text)
{
	int column = fprintf(out, "#");

	while (*text != '\0') {
		int length = (int)strcspn(text, " ");

		if (column + 1 + length > HELP_WIDTH)
			column = fprintf(out, "\n#") - 1;
		column += fprintf(out, " %.*s", length, text);
		text += length;
		text += strspn(text, " ");
	}
	(void)fputc('\n', out);
}

static void print_example(FILE *out, const struct option_row *row)
{
	char allowed[OPTIONS_TEXT_MAX] = "";
	char text[3 * OPTIONS_TEXT_MAX];
	bool told = options_range_shown(row) || row->kind == OPTION_WORD;

	if (told)
		options_allowed(row, allowed, sizeof(allowed));
	(void)snprintf(text, sizeof(text), "%s%s%s%s%s", row->help,
		       told ? " Allowed: " : "", allowed, told ? "." : "",
		       options_is_live(row) ? " Applied by SIGHUP." : "");
	(void)fputc('\n', out);
	print_comment(out, text);
	(void)fprintf(out, "#%s =%s%s\n", row->name,
		      row->preset[0] != '\0' ? " " : "", row->preset);
}

void options_print_example(FILE *out)
{
	print_comment(
		out,
		"Options of bcastd, one stream's: bcastd --config FILE. "
		"All of them, with their defaults; remove the # of what is "
		"to differ. bcastd --check-config --config FILE checks it. "
		"See CONFIGURATION in bcastd(8).");
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];

		if (row->kind == OPTION_HEADING)
			(void)fprintf(out, "\n## %s\n", row->name);
		else if (options_has_value(row) && row->kind != OPTION_CONFIG)
			print_example(out, row);
	}
}
