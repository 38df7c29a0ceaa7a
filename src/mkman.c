/* SPDX-License-Identifier: MIT */
/*
 * mkman.c - fill in the manual: `mkman bcastd.8.in bcastd.8`, at build time;
 * and write the example of a configuration file: `mkman bcast.conf`.
 *
 * Copies the first file to the second. A line "@OPTIONS@" is replaced by the
 * list of options in roff, and "@VERSION@" within a line by the version. The
 * list comes from the table that the parser uses, so the manual cannot lag
 * behind it.
 */
#include "src/options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* A hyphen would be typeset as a dash; a dot or ' would begin a request. */
static void put_text(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", out);
	for (; *text != '\0'; text++) {
		if (*text == '-')
			(void)fputs("\\-", out);
		else if (*text == '\\')
			(void)fputs("\\e", out);
		else
			(void)fputc(*text, out);
	}
}

/* An option is named in bold wherever it appears. */
static void put_sentence(FILE *out, const char *text)
{
	for (const char *dash = strstr(text, "--"); dash != NULL;
	     dash = strstr(text, "--")) {
		size_t length = strspn(dash, "-abcdefghijklmnopqrstuvwxyz");
		char word[64];

		(void)fprintf(out, "%.*s\\fB", (int)(dash - text), text);
		(void)snprintf(word, sizeof(word), "%.*s", (int)length, dash);
		put_text(out, word);
		(void)fputs("\\fR", out);
		text = dash + length;
	}
	put_text(out, text);
	(void)fputc('\n', out);
}

static void put_row(FILE *out, const struct option_row *row)
{
	char allowed[OPTIONS_TEXT_MAX];

	if (row->kind == OPTION_HEADING) {
		(void)fprintf(out, ".SS %s\n", row->name);
		return;
	}
	(void)fputs(".TP\n\\fB\\-\\-", out);
	put_text(out, row->name);
	(void)fputs("\\fR", out);
	if (row->argument != NULL) {
		(void)fprintf(out, " \\f%c",
			      row->kind == OPTION_WORD ? 'B' : 'I');
		put_text(out, row->argument);
		(void)fputs("\\fR", out);
	}
	(void)fputc('\n', out);
	put_sentence(out, row->help);
	if (options_range_shown(row)) {
		(void)fputs("Allowed: ", out);
		put_text(out, options_allowed(row, allowed, sizeof(allowed)));
		(void)fputs(".\n", out);
	}
	if (row->preset[0] != '\0') {
		(void)fputs("Default: ", out);
		put_text(out, row->preset);
		(void)fputs(".\n", out);
	}
	if (options_is_live(row))
		(void)fputs("Applied by SIGHUP.\n", out);
}

static void put_line(FILE *out, const char *line)
{
	static const char version[] = "@VERSION@";
	const char *mark = strstr(line, version);

	if (strcmp(line, "@OPTIONS@\n") == 0) {
		for (int i = 0; i < OPTIONS_COUNT; i++)
			put_row(out, &options_table[i]);
	} else if (mark != NULL) {
		(void)fprintf(out, "%.*s%s%s", (int)(mark - line), line,
			      BCAST_VERSION, mark + strlen(version));
	} else {
		(void)fputs(line, out);
	}
}

static int finish(FILE *target, const char *name, bool failed)
{
	failed = failed || ferror(target) != 0;
	failed = fclose(target) != 0 || failed;
	if (failed)
		(void)fprintf(stderr, "mkman: cannot write %s\n", name);
	return failed ? EX_IOERR : EX_OK;
}

static int write_manual(FILE *source, FILE *target, const char *name)
{
	char line[512];
	bool failed;

	while (fgets(line, sizeof(line), source) != NULL)
		put_line(target, line);
	failed = ferror(source) != 0;
	(void)fclose(source);
	return finish(target, name, failed);
}

int main(int argc, char *argv[])
{
	const char *name = argc > 1 ? argv[argc - 1] : "";
	FILE *source = NULL;
	FILE *target;

	if (argc != 2 && argc != 3) {
		(void)fputs("usage: mkman [TEMPLATE] OUTPUT\n", stderr);
		return EX_USAGE;
	}
	if (argc == 3)
		source = fopen(argv[1], "re");
	if (argc == 3 && source == NULL) {
		perror(argv[1]);
		return EX_NOINPUT;
	}
	target = fopen(name, "we");
	if (target == NULL) {
		perror(name);
		if (source != NULL)
			(void)fclose(source);
		return EX_CANTCREAT;
	}
	if (source != NULL)
		return write_manual(source, target, name);
	options_print_example(target);
	return finish(target, name, false);
}
