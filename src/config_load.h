/* SPDX-License-Identifier: MIT */
/*
 * config_load.h - from the command line, the environment and a file to struct
 * config.
 */
#ifndef SRC_CONFIG_LOAD_H
#define SRC_CONFIG_LOAD_H

#include <stdio.h>

#include "src/config.h"
#include "src/settings.h"

/* config_parse() also returns these. */
#define CONFIG_RUN  0 /* go on with *config */
#define CONFIG_DONE 1 /* --help or --version was printed to `out` */

/*
 * config_parse - read the command line, argc and argv as main() got them, the
 * environment, and the file of --config.
 *
 * Returns CONFIG_RUN; CONFIG_DONE; -EINVAL after printing exactly one line to
 * `err` that names the option of the command line, the value and what is
 * allowed; or, after one line for each mistake, -EBADMSG for what the
 * environment or the file says, -ENOENT for a file that cannot be read. With
 * CONFIG_RUN, lines in `err` are warnings. *config is filled on CONFIG_RUN and
 * unspecified otherwise.
 *
 * What counts is what the command line says of an option, else the environment,
 * else the file, else the default; within one of them the last, except that
 * addresses add up. What an address says after it, as in
 * "*:7401,slow-policy=skip", holds for it alone. Calls getopt_long(), so one
 * thread at a time; may be called again and again. Looks up --group, so it may
 * block on the system's name service, and on the file.
 */
int config_parse(struct config *config, int argc, char *const argv[], FILE *out,
		 FILE *err);

/* config_exit_code - the exit status for what that has returned. */
int config_exit_code(int ret);

/*
 * config_load - the same for who wants to keep what was said. *settings is
 * zeroed before, and has to be freed by settings_fini() whatever is returned.
 */
int config_load(struct config *config, struct settings *settings, int argc,
		char *const argv[], FILE *out, FILE *err);

#endif
