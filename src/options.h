/* SPDX-License-Identifier: MIT */
/*
 * options.h - the rows of options.def as a table, and what can be said of a
 * row without parsing a command line: its range, its line of --help, and which
 * option a mistyped one was meant to be. Serves config.c and mkman.c.
 */
#ifndef SRC_OPTIONS_H
#define SRC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
	OPTION_HEADING, /* no option: the title of those that follow */
	OPTION_NAME,
	OPTION_LISTEN,
	OPTION_INGEST,
	OPTION_EGRESS,
	OPTION_PACKET,
	OPTION_ECHO,
	OPTION_ADMIN,
	OPTION_RING,  /* a size that is a power of two */
	OPTION_SIZE,  /* 0, or a size in the range */
	OPTION_BYTES, /* a size in the range */
	OPTION_LIMIT, /* likewise, or 0 for none */
	OPTION_FILE,
	OPTION_CONFIG, /* likewise a path, and not for that file itself */
	OPTION_LAG,
	OPTION_DURATION, /* in milliseconds */
	OPTION_INTERVAL, /* in microseconds */
	OPTION_NUMBER,
	OPTION_WORD,
	OPTION_MODE,
	OPTION_GROUP,
	OPTION_CONGESTION,
	OPTION_FLAG,
	OPTION_CHECK,
	OPTION_HELP,
	OPTION_VERSION,
};

struct option_row {
	const char *name;     /* without the dashes; of a heading, its title */
	const char *argument; /* NULL: takes none */
	enum option_kind kind;
	size_t field;	    /* its offset in struct config */
	size_t field_size;  /* in bytes */
	const char *preset; /* the default as one would type it, or "" */
	int64_t minimum;
	int64_t maximum;
	const char *help;
};

/* The number of rows: one element for each. */
#define BC_HEADING(title)    0,
#define BC_OPTION(name, ...) 0,
#define BC_FLAG(name, ...)   0,
#define BC_ACTION(name, ...) 0,
enum {
	OPTIONS_COUNT = sizeof((const char[]){
#include "src/options.def"
	})
};
#undef BC_HEADING
#undef BC_OPTION
#undef BC_FLAG
#undef BC_ACTION

extern const struct option_row options_table[OPTIONS_COUNT];

/* What options_allowed() needs at most. */
#define OPTIONS_TEXT_MAX 384

/*
 * options_allowed - say what values a row takes, such as "a power of two from
 * 64K to 1T", for errors, --help and the manual. Returns `buffer`.
 */
const char *options_allowed(const struct option_row *row, char *buffer,
			    size_t size);

/*
 * options_range_shown - whether --help and the manual spell out what the row
 * takes, or the reader sees it anyway.
 */
bool options_range_shown(const struct option_row *row);

/*
 * options_nearest - the option that a mistyped name (without dashes) most
 * likely means, or NULL if none is near.
 */
const struct option_row *options_nearest(const char *name);

/* options_is_address - is it one of those that add up? */
bool options_is_address(const struct option_row *row);

/* options_has_value - is it an option, and one with a value? */
bool options_has_value(const struct option_row *row);

/*
 * options_is_live - can it change while the daemon runs? An address never does,
 * but some of what stands behind it: see config_listen.h.
 */
bool options_is_live(const struct option_row *row);

/* options_find - the row of this name, without dashes; NULL: there is none. */
const struct option_row *options_find(const char *name);

/* options_print_example - a configuration file with all defaults, explained. */
void options_print_example(FILE *out);

/* options_print_help - the text of --help, at most 80 columns wide. */
void options_print_help(FILE *out);

#endif
