/* SPDX-License-Identifier: MIT */
/*
 * options.c - see options.h.
 *
 * getopt_long() does the splitting, since everybody knows its habits; its
 * messages are replaced by ours, which say what to do next.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <bcast/bcast.h>

#include "options.h"
#include "output.h"

#define LONG_BASE   256 /* row i is getopt's value LONG_BASE + i */
#define HELP_COLUMN 24
#define DAY_MS	    (24 * 60 * 60 * UINT64_C(1000))

/* Results of next() that are not the index of a row. */
#define END (-1)
#define BAD (-2)

static int has_argument(const struct options_row *row)
{
	if (!row->argument)
		return no_argument;
	return row->may_omit ? optional_argument : required_argument;
}

/* Fill getopt's two tables from ours. */
static void translate(const struct options *options, struct option *longs,
		      char *shorts)
{
	*shorts++ = ':'; /* tell a missing argument from an unknown option */
	for (int i = 0; i < options->count; i++) {
		const struct options_row *row = &options->rows[i];
		/* 0 none, 1 required, 2 optional */
		int arguments = has_argument(row);

		longs[i] = (struct option){
			.name = row->name,
			.has_arg = arguments,
			.val = LONG_BASE + i,
		};
		if (row->letter) {
			*shorts++ = row->letter;
			for (int n = 0; n < arguments; n++)
				*shorts++ = ':'; /* "::" is optional */
		}
	}
	*shorts = '\0';
}

static int row_of(const struct options *options, int value)
{
	if (value >= LONG_BASE)
		return value - LONG_BASE;
	for (int i = 0; i < options->count; i++)
		if (options->rows[i].letter == value)
			return i;
	return BAD;
}

static int complain(const struct options *options, int kind, char **argv)
{
	int i = optopt ? row_of(options, optopt) : BAD;

	if (i >= 0 && kind == ':')
		fprintf(stderr, "%s: option --%s needs an argument, %s\n",
			options->program, options->rows[i].name,
			options->rows[i].argument);
	else if (i >= 0)
		fprintf(stderr, "%s: option --%s takes no argument\n",
			options->program, options->rows[i].name);
	else if (optopt)
		fprintf(stderr,
			"%s: unknown option -%c: see %s --help for the list\n",
			options->program, optopt, options->program);
	else
		fprintf(stderr,
			"%s: unknown or ambiguous option %s: see %s --help "
			"for the list\n",
			options->program, argv[optind - 1], options->program);
	return BAD;
}

static void help_row(const struct options_row *row)
{
	char left[64];
	int length;

	length = snprintf(
		left, sizeof(left), "  %c%c%s--%s%s%s%s%s",
		row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
		row->letter ? ", " : "  ", row->name, row->may_omit ? "[" : "",
		row->argument ? (row->may_omit ? "=" : " ") : "",
		row->argument ? row->argument : "", row->may_omit ? "]" : "");
	printf("%s", left);
	if (length >= HELP_COLUMN) {
		putchar('\n');
		length = 0;
	}
	printf("%*s%s\n", HELP_COLUMN - length, "", row->help);
}

static void help(const struct options *options)
{
	printf("usage: %s [option]... %s\n%s\n\n", options->program,
	       options->operands, options->summary);
	for (int i = 0; i < options->count; i++)
		help_row(&options->rows[i]);
	printf("\nThe manual: man %s\n", options->program);
}

static int next(const struct options *options, int argc, char **argv)
{
	struct option longs[OPTIONS_MAX + 1] = {0};
	char shorts[3 * OPTIONS_MAX + 2];
	int found;

	translate(options, longs, shorts);
	opterr = 0;
	found = getopt_long(argc, argv, shorts, longs, NULL);
	if (found == -1)
		return END;
	if (found == '?' || found == ':')
		return complain(options, found, argv);
	return row_of(options, found);
}

int options_read(const struct options *options, int argc, char **argv,
		 options_take *take, void *wish)
{
	int option;

	while ((option = next(options, argc, argv)) != END) {
		const char *name, *range;

		if (option == BAD)
			return EX_USAGE;
		name = options->rows[option].name;
		if (strcmp(name, "help") == 0) {
			help(options);
			return output_finish(options->program, EX_OK);
		}
		if (strcmp(name, "version") == 0) {
			printf("%s %s\n", options->program, bcast_version());
			return output_finish(options->program, EX_OK);
		}
		range = take(wish, option, optarg);
		if (range) {
			fprintf(stderr, "%s: --%s '%s': must be %s\n",
				options->program, name, optarg, range);
			return EX_USAGE;
		}
	}
	return OPTIONS_GO_ON;
}

/* The decimal number that text begins with; *end is what follows it. */
static bool number(const char *text, uint64_t *value, const char **end)
{
	unsigned long long found;
	char *stop;

	/* strtoull would also take blanks and signs */
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	found = strtoull(text, &stop, 10);
	if (errno != 0)
		return false;
	*value = found;
	*end = stop;
	return true;
}

int options_misused(const struct options *options, const char *problem)
{
	fprintf(stderr, "%s: %s: see %s --help\n", options->program, problem,
		options->program);
	return EX_USAGE;
}

bool options_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMGT";
	const char *end, *suffix;
	unsigned shift = 0;
	uint64_t value;

	if (!number(text, &value, &end))
		return false;
	if (*end != '\0') {
		suffix = strchr(suffixes, *end);
		if (!suffix || end[1] != '\0')
			return false;
		shift = 10 * (unsigned)(suffix - suffixes + 1);
	}
	if (value > UINT64_MAX >> shift)
		return false;
	*bytes = value << shift;
	return true;
}

bool options_time(const char *text, uint64_t unit_ms, int *milliseconds)
{
	const char *end;
	uint64_t value;

	if (!number(text, &value, &end))
		return false;
	if (strcmp(end, "ms") == 0)
		unit_ms = 1;
	else if (strcmp(end, "s") == 0)
		unit_ms = 1000;
	else if (*end != '\0')
		return false;
	if (value > DAY_MS / unit_ms)
		return false;
	*milliseconds = (int)(value * unit_ms);
	return true;
}
