/* SPDX-License-Identifier: MIT */
/*
 * config_load.h - config_parse(), for who wants to keep what was said.
 */
#ifndef SRC_CONFIG_LOAD_H
#define SRC_CONFIG_LOAD_H

#include <stdio.h>

#include "src/config.h"
#include "src/settings.h"

/*
 * config_load - as config_parse(). *settings is zeroed before, and has to be
 * freed by settings_fini() whatever is returned.
 */
int config_load(struct config *config, struct settings *settings, int argc,
		char *const argv[], FILE *out, FILE *err);

#endif
