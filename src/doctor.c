/* SPDX-License-Identifier: MIT */
/*
 * doctor.c - bcast-doctor: what will bcastd meet on this machine?
 *
 * Made of the daemon's own checks (checks.h), and so of src/ and not of tools/,
 * which see the public interface only. It changes nothing.
 *
 * A machine is judged for a plan: what bcastd would take from the environment,
 * a file and its defaults, but for the options that are given here, each with
 * the range of the daemon's option.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "src/config_load.h"
#include "src/config_value.h"
#include "src/doctor_print.h"
#include "src/options.h"

#define PROGRAM "bcast-doctor"
#define FAILED	1

static const char help[] =
	"usage: " PROGRAM " [option]...\n"
	"Look at this machine, and say what bcastd will meet: ok, warn or "
	"fail,\n"
	"what that means, and what to do about it. Changes nothing.\n"
	"\n"
	"  -c, --config FILE     judge for what this file tells bcastd\n"
	"  -r, --ring-size SIZE  judge for a ring of this size (256M)\n"
	"  -n, --receivers N     judge for so many TCP receivers (1024)\n"
	"  -q, --quiet           only what is not well\n"
	"  -j, --json            as JSON\n"
	"  -V, --version         print the version and end\n"
	"  -h, --help            print this and end\n"
	"\n"
	"Ends with 1 if a check fails.\n";

static const struct option rows[] = {
	{"config", required_argument, NULL, 'c'},
	{"ring-size", required_argument, NULL, 'r'},
	{"receivers", required_argument, NULL, 'n'},
	{"quiet", no_argument, NULL, 'q'},
	{"json", no_argument, NULL, 'j'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Of the texts: as given, or NULL. */
struct wish {
	const char *file;
	const char *ring_size;
	const char *receivers;
	struct config config;
	struct doctor_style style;
};

#define GO_ON (-1)

/* ---- The command line -------------------------------------------------- */

static int refuse(const char *what, const char *why)
{
	fprintf(stderr, PROGRAM ": %s %s: see " PROGRAM " --help\n", what, why);
	return EX_USAGE;
}

static int take(struct wish *wish, int letter, char **argv)
{
	switch (letter) {
	case 'c':
		wish->file = optarg;
		return GO_ON;
	case 'r':
		wish->ring_size = optarg;
		return GO_ON;
	case 'n':
		wish->receivers = optarg;
		return GO_ON;
	case 'q':
		wish->style.quiet = true;
		return GO_ON;
	case 'j':
		wish->style.json = true;
		return GO_ON;
	case 'V':
		puts(PROGRAM " " BCAST_VERSION);
		return EX_OK;
	case 'h':
		(void)fputs(help, stdout);
		return EX_OK;
	case ':':
		return refuse(argv[optind - 1], "needs an argument");
	}
	return refuse(argv[optind - 1], "is not an option");
}

static int read_options(struct wish *wish, int argc, char **argv)
{
	int letter;

	opterr = 0;
	while ((letter = getopt_long(argc, argv, "+:c:r:n:qjVh", rows, NULL)) !=
	       -1) {
		int ret = take(wish, letter, argv);

		if (ret != GO_ON)
			return ret;
	}
	return optind < argc ? refuse(argv[optind], "is too much") : GO_ON;
}

/* ---- The plan ---------------------------------------------------------- */

/* Set what the daemon's option of this name sets. */
static int set(struct config *config, const char *option, const char *name,
	       const char *text)
{
	char allowed[OPTIONS_TEXT_MAX];
	const struct option_row *row = options_table;
	const char *why;

	if (!text)
		return GO_ON;
	while (strcmp(row->name, name) != 0)
		row++;
	why = config_value_set(config, row, text);
	if (!why)
		return GO_ON;
	fprintf(stderr, PROGRAM ": %s: '%s' %s (allowed: %s)\n", option, text,
		why, options_allowed(row, allowed, sizeof(allowed)));
	return EX_USAGE;
}

static int plan(struct wish *wish)
{
	static char program[] = "bcastd";
	char file[4096 + 16];
	char *argv[] = {program, file, NULL};
	int argc = wish->file ? 2 : 1, ret;

	(void)snprintf(file, sizeof(file), "--config=%s",
		       wish->file ? wish->file : "");
	if (!wish->file)
		argv[1] = NULL;
	ret = config_parse(&wish->config, argc, argv, stdout, stderr);
	if (ret != CONFIG_RUN)
		return config_exit_code(ret);
	ret = set(&wish->config, "--ring-size", "ring-size", wish->ring_size);
	return ret != GO_ON ? ret
			    : set(&wish->config, "--receivers", "max-receivers",
				  wish->receivers);
}

/* ---- The checks -------------------------------------------------------- */

static int look(const struct wish *wish)
{
	static struct check_result results[CHECKS_COUNT];
	const struct check_plan here = {.root = "", .config = &wish->config};
	int code = EX_OK;

	for (unsigned i = 0; i < CHECKS_COUNT; i++) {
		checks_table[i].run(&here, &results[i]);
		if (results[i].state == CHECK_FAIL)
			code = FAILED;
	}
	if (doctor_print(results, &wish->style) == 0)
		return code;
	fprintf(stderr, PROGRAM ": %s\n", strerror(ENOMEM));
	return EX_OSERR;
}

static bool wants_colour(void)
{
	const char *none = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && (!none || !*none) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

int main(int argc, char **argv)
{
	static struct wish wish;
	int code;

	wish.style.colour = wants_colour();
	code = read_options(&wish, argc, argv);
	if (code == GO_ON)
		code = plan(&wish);
	if (code == GO_ON)
		code = look(&wish);
	if (fflush(stdout) == 0 || errno == EPIPE)
		return code;
	fprintf(stderr, PROGRAM ": standard output: %s\n", strerror(errno));
	return EX_IOERR;
}
