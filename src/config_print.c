/* SPDX-License-Identifier: MIT */
/*
 * config_print.c - what counts, as the file that says it.
 *
 * Values stand as they were said ("75%", not what that comes to). Whence each
 * one comes stands behind it, as a comment that can follow it on any line.
 */
#include "src/config_make.h"
#include "src/config_source.h"

#include <string.h>

#define COMMENT_COLUMN 40
#define PIECE_MAX      120 /* of a value, in one line */
#define QUOTED_MAX     320

/* Bare, it would lose blanks at its ends, or be taken for something else. */
static bool needs_quotes(const char *text)
{
	size_t length = strlen(text);

	return strchr("\"'; ", text[0]) != NULL || strstr(text, " ;") != NULL ||
	       strchr(" \\", text[length - 1]) != NULL;
}

/* Where to break it: a blank at an end of a line would be lost. */
static size_t piece_length(const char *text)
{
	size_t length = strlen(text);

	if (length <= PIECE_MAX)
		return length;
	length = PIECE_MAX;
	while (length > 1 && (strchr(" #;\\", text[length]) ||
			      strchr(" \\", text[length - 1])))
		length--;
	return length;
}

/* Returns the column behind it. */
static int print_value(const char *text, FILE *out)
{
	const char *quote = "";
	size_t length;
	int column;

	if (needs_quotes(text))
		quote = strchr(text, '"') ? "'" : "\"";
	column = fprintf(out, "%s", quote);
	for (;;) {
		length = piece_length(text);
		column += fprintf(out, "%.*s", (int)length, text);
		text += length;
		if (*text == '\0')
			break;
		(void)fputs("\\\n", out);
		column = fprintf(out, "    ");
	}
	return column + fprintf(out, "%s", quote);
}

static void print_origin(const struct setting *setting, int column, FILE *out)
{
	char name[SETTINGS_VARIABLE_MAX];

	(void)fprintf(out, "%*s; ",
		      column < COMMENT_COLUMN ? COMMENT_COLUMN - column : 1,
		      "");
	switch (setting->origin) {
	case SETTING_DEFAULT:
		(void)fputs("default\n", out);
		break;
	case SETTING_FILE:
		(void)fprintf(out, "line %u of the file\n", setting->line);
		break;
	case SETTING_ENVIRONMENT:
		(void)fprintf(out, "%s\n",
			      settings_variable(setting->row, name));
		break;
	case SETTING_COMMAND_LINE:
		(void)fputs("command line\n", out);
		break;
	}
}

static void print_setting(const struct setting *setting, FILE *out)
{
	int column = fprintf(out, "%s = ", setting->row->name);

	print_origin(setting, column + print_value(setting->text, out), out);
}

static bool is_said_address(const struct settings *settings,
			    const struct setting *setting)
{
	return options_is_address(setting->row) &&
	       settings_counts(settings, setting);
}

static uint32_t count_addresses(const struct settings *settings)
{
	uint32_t count = 0;

	for (size_t i = 0; i < settings->count; i++)
		count += is_said_address(settings, &settings->all[i]);
	return count;
}

/* All kinds together, since the order of them all counts. */
static void print_addresses(const struct settings *settings, FILE *out)
{
	for (size_t i = 0; i < settings->count; i++)
		if (is_said_address(settings, &settings->all[i]))
			print_setting(&settings->all[i], out);
}

/* Of an option about which nothing was said. */
static void print_unsaid(const struct option_row *row, bool presets, FILE *out)
{
	const struct setting preset = {
		.row = row,
		.text = row->preset,
		.origin = SETTING_DEFAULT,
	};

	if (presets && row->preset[0] != '\0')
		print_setting(&preset, out);
	else
		(void)fprintf(out, "#%s =\n", row->name);
}

static void print_rows(const struct settings *settings,
		       const struct config *config, FILE *out)
{
	bool default_address = count_addresses(settings) < config->listen_count;
	bool printed = false;

	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];
		const struct setting *said = settings_next(settings, row, NULL);
		bool address = options_is_address(row);

		if (row->kind == OPTION_HEADING)
			(void)fprintf(out, "\n# %s\n", row->name);
		if (!options_has_value(row) || row->kind == OPTION_CONFIG)
			continue;
		if (!said)
			print_unsaid(row, !address || default_address, out);
		else if (!address)
			print_setting(said, out);
		/* behind the default one, if there is any */
		if (address && !printed)
			print_addresses(settings, out);
		printed = printed || address;
	}
}

void config_print(const struct config *config, const struct settings *settings,
		  FILE *out)
{
	const struct setting *file = settings_file(settings);
	char quoted[QUOTED_MAX];

	(void)fputs("# The options of bcastd, and whence each value comes.\n",
		    out);
	if (file)
		(void)fprintf(out, "# The file is %s.\n",
			      log_quote(file->text, quoted, sizeof(quoted)));
	print_rows(settings, config, out);
}
