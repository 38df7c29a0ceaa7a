/* SPDX-License-Identifier: MIT */
/*
 * config_source.h - what the environment says of the options, and what a file.
 *
 * BCASTD_RING_SIZE=64M is ring-size = 64M is --ring-size 64M: names and values
 * are those of options.def. An empty value says nothing. Options without a
 * value (--help) are for the command line.
 */
#ifndef SRC_CONFIG_SOURCE_H
#define SRC_CONFIG_SOURCE_H

#include <stdio.h>

#include "src/settings.h"

#define CONFIG_FILE_MAX	  (64u << 10) /* bytes */
#define CONFIG_LINE_MAX	  190u	      /* without blanks at its ends */
#define CONFIG_ERRORS_MAX 20u	      /* told of a file */

/* How a line begins that is no mistake. */
#define CONFIG_WARNING "bcastd: warning: "

/*
 * config_env_read - add what the environment says. A list of addresses stands
 * between blanks. Returns 0, or -EBADMSG after one line for each mistake. A
 * variable that begins with BCASTD_ and is no option's is warned of in a line.
 */
int config_env_read(struct settings *settings, FILE *err);

/*
 * config_file_read - add what the file says that --config names in `settings`,
 * if one does. Returns 0; or, after one line for each mistake, -ENOENT if it is
 * no file that can be read, or -EBADMSG. Blocks for as long as the disk does.
 */
int config_file_read(struct settings *settings, FILE *err);

#endif
