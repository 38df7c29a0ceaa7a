/* SPDX-License-Identifier: MIT */
/*
 * config_listen.h - what holds for one address: "*:7401,slow-policy=skip".
 */
#ifndef SRC_CONFIG_LISTEN_H
#define SRC_CONFIG_LISTEN_H

#include "src/config.h"

/*
 * config_listen_resolve - fill in listens[index] from the options of the whole
 * daemon, which are final by now, and then from its own: `text` is ",key=value"
 * once or more, or NULL. Returns 0, or -EINVAL after printing exactly one line
 * to `err`.
 */
int config_listen_resolve(struct config *config, uint32_t index,
			  const char *text, FILE *err);

#endif
