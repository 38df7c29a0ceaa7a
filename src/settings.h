/* SPDX-License-Identifier: MIT */
/*
 * settings.h - what was said of the options, and where, before it is put
 * together: texts, from a file, the environment and the command line.
 *
 * Of each option that source counts which is the last in enum setting_origin
 * among those that say something of it; of several addresses all that it says.
 * Whoever needs to know what an option is, and not only what it comes to, keeps
 * one of these: --check-config, and a reload, which has to tell what is new.
 */
#ifndef SRC_SETTINGS_H
#define SRC_SETTINGS_H

#include <stdbool.h>
#include <stdio.h>

#include "src/config.h"
#include "src/options.h"

/* The later one counts. */
enum setting_origin {
	SETTING_DEFAULT, /* said nowhere */
	SETTING_FILE,
	SETTING_ENVIRONMENT,
	SETTING_COMMAND_LINE,
};

struct setting {
	const struct option_row *row;
	const char *text;
	enum setting_origin origin;
	unsigned line; /* of the file, from 1 */
	char *copy;    /* settings_add() has made it: text is this */
};

/* Each source says an option once, and each address once. */
#define SETTINGS_MAX ((size_t)3 * (OPTIONS_COUNT + CONFIG_LISTEN_MAX))

struct settings {
	struct setting all[SETTINGS_MAX]; /* by origin, and then as they came */
	size_t count;
	bool check; /* --check-config */
};

/* What is needed for the name of a variable. */
#define SETTINGS_VARIABLE_MAX 64

/*
 * settings_add - check the text and add a copy of it. Of an option said twice
 * by a source the last counts; addresses add up. Returns NULL, or what is wrong
 * with it, as config_value_set() does. Others move.
 */
const char *settings_add(struct settings *settings,
			 const struct setting *setting);

/*
 * settings_next - what counts of a row: the first with `after` NULL, then the
 * next one, of which addresses only have any. NULL: there is no more.
 */
const struct setting *settings_next(const struct settings *settings,
				    const struct option_row *row,
				    const struct setting *after);

/*
 * settings_have_listener - is there an address where the stream can be reached?
 * --admin is none: alone, it would be a look at a stream that nobody can reach,
 * so the default listener is there then.
 */
bool settings_have_listener(const struct settings *settings);

/* settings_counts - is it of the source that counts for its row? */
bool settings_counts(const struct settings *settings,
		     const struct setting *setting);

/* settings_file - the one of --config that counts; NULL: there is no file. */
const struct setting *settings_file(const struct settings *settings);

/* settings_are_typed - is nothing said but on the command line? */
bool settings_are_typed(const struct settings *settings);

/* settings_variable - "BCASTD_RING_SIZE". Returns `buffer`. */
const char *settings_variable(const struct option_row *row,
			      char buffer[SETTINGS_VARIABLE_MAX]);

/*
 * settings_say_where - begin the line of a message: "bcastd: --ring-size",
 * "bcastd: BCASTD_RING_SIZE", or "FILE:3: ring-size".
 */
void settings_say_where(const struct settings *settings,
			const struct setting *setting, FILE *err);

/* settings_refuse - the line of a value; `why` stands behind it. */
void settings_refuse(const struct settings *settings,
		     const struct setting *setting, const char *why, FILE *err);

/* settings_fini - free the texts. Safe on a zeroed one. */
void settings_fini(struct settings *settings);

#endif
