/* SPDX-License-Identifier: MIT */
/*
 * config_load.c - from argv, the environment and a file to struct config, or to
 * lines that say what is wrong.
 *
 * All of them give texts for the rows of options.def, which are checked one by
 * one as they come (settings.c), also those that do not count in the end: what
 * is wrong today in the file is found today. config_make.c puts together what
 * counts. The command line is first, since it has --config and --help;
 * getopt_long() only takes argv apart, silenced and without its reordering.
 */
#include "src/config_load.h"
#include "src/config_make.h"
#include "src/config_source.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>
#include <sysexits.h>

/* What getopt_long() returns for row i: FIRST_OPTION + i, beyond any char. */
#define FIRST_OPTION 256

struct request {
	struct settings *settings;
	FILE *out;
	FILE *err;
};

/* ---- The one line ---- */

/* Room for a value in a message; what is longer is cut. */
#define QUOTED_MAX 320

static int refuse_value(const struct request *request,
			const struct option_row *row, const char *value,
			const char *why)
{
	const struct setting setting = {
		.row = row,
		.text = value,
		.origin = SETTING_COMMAND_LINE,
	};

	settings_refuse(request->settings, &setting, why, request->err);
	return -EINVAL;
}

static int refuse_missing(const struct request *request,
			  const struct option_row *row)
{
	char allowed[OPTIONS_TEXT_MAX];

	(void)fprintf(request->err,
		      "bcastd: --%s: needs a value (allowed: %s)\n", row->name,
		      options_allowed(row, allowed, sizeof(allowed)));
	return -EINVAL;
}

/* An argument that getopt_long() did not know, or that took no value. */
static int refuse_option(const struct request *request, const char *word)
{
	const char *name = word + strspn(word, "-");
	const struct option_row *nearest;
	char quoted[QUOTED_MAX];
	char typed[64];

	(void)snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(name, "="),
		       name);
	nearest = options_nearest(typed);
	if (nearest != NULL && nearest->argument == NULL &&
	    strchr(word, '=') != NULL && strcmp(typed, nearest->name) == 0)
		return refuse_value(request, nearest, strchr(word, '=') + 1,
				    "is one too many");
	(void)snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(word, "="),
		       word);
	(void)fprintf(request->err, "bcastd: unknown option %s",
		      log_quote(typed, quoted, sizeof(quoted)));
	if (nearest != NULL)
		(void)fprintf(request->err, "; did you mean --%s?",
			      nearest->name);
	(void)fputs(" (bcastd --help lists all)\n", request->err);
	return -EINVAL;
}

static int refuse_stray(const struct request *request, const char *word)
{
	char quoted[QUOTED_MAX];

	(void)fprintf(request->err,
		      "bcastd: unexpected argument %s: there are only options "
		      "(bcastd --help lists all)\n",
		      log_quote(word, quoted, sizeof(quoted)));
	return -EINVAL;
}

/* ---- The command line ---- */

static void fill_table(struct option table[OPTIONS_COUNT + 1])
{
	int used = 0;

	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];

		if (row->kind == OPTION_HEADING)
			continue;
		table[used++] = (struct option){
			.name = row->name,
			.has_arg = row->argument != NULL ? required_argument
							 : no_argument,
			.val = FIRST_OPTION + i,
		};
	}
	table[used] = (struct option){.name = NULL};
}

/* One option with its value. Returns CONFIG_RUN to go on. */
static int take(struct request *request, const struct option_row *row,
		const char *value)
{
	const struct setting setting = {
		.row = row,
		.text = value != NULL ? value : "",
		.origin = SETTING_COMMAND_LINE,
	};
	const char *why;

	if (row->kind == OPTION_HELP) {
		options_print_help(request->out);
		return CONFIG_DONE;
	}
	if (row->kind == OPTION_VERSION) {
		(void)fprintf(request->out, "bcastd %s\n", BCAST_VERSION);
		return CONFIG_DONE;
	}
	if (row->kind == OPTION_CHECK) {
		request->settings->check = true;
		return CONFIG_RUN;
	}
	why = settings_add(request->settings, &setting);
	return why == NULL ? CONFIG_RUN
			   : refuse_value(request, row, value, why);
}

static int read_options(struct request *request, int argc, char *const argv[])
{
	struct option table[OPTIONS_COUNT + 1];

	fill_table(table);
	opterr = 0;
	optind = 0; /* glibc: forget what was read before */
	for (;;) {
		/* '+' keeps the order, so this is the word it will look at. */
		const char *word = argv[optind > 0 ? optind : 1];
		int found = getopt_long(argc, argv, "+:", table, NULL);
		int ret;

		if (found == -1)
			break;
		if (found == ':')
			return refuse_missing(
				request, &options_table[optopt - FIRST_OPTION]);
		if (found < FIRST_OPTION)
			return refuse_option(request, word);
		ret = take(request, &options_table[found - FIRST_OPTION],
			   optarg);
		if (ret != CONFIG_RUN)
			return ret;
	}
	return optind < argc ? refuse_stray(request, argv[optind]) : CONFIG_RUN;
}

/* ---- All of them ---- */

/* Both are read to their ends, so that all mistakes are told. */
static int read_elsewhere(const struct request *request)
{
	int ret = config_env_read(request->settings, request->err);
	int file = config_file_read(request->settings, request->err);

	return file < 0 ? file : ret;
}

int config_load(struct config *config, struct settings *settings, int argc,
		char *const argv[], FILE *out, FILE *err)
{
	struct request request = {.settings = settings, .out = out, .err = err};
	int ret = CONFIG_RUN;

	/* An exec() without arguments leaves no argv[0] to step over. */
	if (argc > 0)
		ret = read_options(&request, argc, argv);
	if (ret != CONFIG_RUN)
		return ret;
	ret = read_elsewhere(&request);
	if (ret == 0)
		ret = config_make(config, settings, err);
	if (ret < 0 || !settings->check)
		return ret;
	config_print(config, settings, out);
	return CONFIG_DONE;
}

int config_parse(struct config *config, int argc, char *const argv[], FILE *out,
		 FILE *err)
{
	struct settings settings = {.count = 0};
	int ret = config_load(config, &settings, argc, argv, out, err);

	settings_fini(&settings);
	return ret;
}

int config_exit_code(int ret)
{
	switch (ret) {
	case CONFIG_RUN:
	case CONFIG_DONE:
		return EX_OK;
	case -ENOENT:
		return EX_NOINPUT;
	case -EBADMSG:
		return EX_CONFIG;
	default:
		return EX_USAGE;
	}
}
