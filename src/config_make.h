/* SPDX-License-Identifier: MIT */
/*
 * config_make.h - from what was said to struct config, both ways.
 */
#ifndef SRC_CONFIG_MAKE_H
#define SRC_CONFIG_MAKE_H

#include <stdio.h>

#include "src/config.h"
#include "src/settings.h"

/*
 * config_make - put together what counts, with defaults for the rest, and check
 * what depends on more than one option. Returns 0; -EINVAL after one line to
 * `err`; or -EBADMSG after one or more, if not all was said on the command
 * line.
 */
int config_make(struct config *config, const struct settings *settings,
		FILE *err);

/*
 * config_print - what config_make() has put together, as a file that says the
 * same, with whence each value comes.
 */
void config_print(const struct config *config, const struct settings *settings,
		  FILE *out);

#endif
