/* SPDX-License-Identifier: MIT */
/*
 * options.h - a tool's command line from one table: the row is the option, its
 * line in --help, and what the test holds against the man page.
 */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options_row {
	const char *name;     /* without the dashes */
	char letter;	      /* short form; 0: none */
	bool may_omit;	      /* the argument; given as --name=ARGUMENT */
	const char *argument; /* what stands for it in --help; NULL: none */
	const char *help;
};

#define OPTIONS_MAX 16

struct options {
	const char *program;
	const char *operands; /* as in the synopsis: "[NAME]" */
	const char *summary;  /* one sentence */
	const struct options_row *rows;
	int count; /* <= OPTIONS_MAX */
};

/*
 * Takes one option's argument (NULL if it has none) into the caller's `wish`.
 * Returns NULL, or what the argument must be: "a number of bytes".
 */
typedef const char *options_take(void *wish, int option, const char *argument);

/* options_read: nothing has ended the program. */
#define OPTIONS_GO_ON (-1)

/*
 * options_read - take all options by `take`; operands are from argv[optind] on.
 * The rows "help" and "version" are answered here, and so is what is wrong, in
 * one line on standard error. Returns OPTIONS_GO_ON, or the exit code.
 */
int options_read(const struct options *options, int argc, char **argv,
		 options_take *take, void *wish);

/*
 * options_misused - say what is wrong with what was given together, and where
 * help is. Returns EX_USAGE.
 */
int options_misused(const struct options *options, const char *problem);

/*
 * options_size - a number of bytes: decimal, with an optional suffix K, M, G
 * or T (powers of 1024). False, target untouched, if it is anything else.
 */
bool options_size(const char *text, uint64_t *bytes);

/*
 * options_time - a duration: decimal, with an optional suffix ms or s; without
 * one it is in units of unit_ms. False if it is anything else, or longer than
 * a day.
 */
bool options_time(const char *text, uint64_t unit_ms, int *milliseconds);

#endif
