/* SPDX-License-Identifier: MIT */
/*
 * config_listen.h - what holds for one address: "*:7401,slow-policy=skip".
 */
#ifndef SRC_CONFIG_LISTEN_H
#define SRC_CONFIG_LISTEN_H

#include "src/config.h"
#include "src/settings.h"

/*
 * config_listen_resolve - fill in listens[index] from the options of the whole
 * daemon, which are final by now, and then from its own: those behind a comma
 * in the text of `setting`, which is one of `settings` or a default. Returns 0,
 * or -EINVAL after printing exactly one line to `err`.
 */
int config_listen_resolve(struct config *config, uint32_t index,
			  const struct settings *settings,
			  const struct setting *setting, FILE *err);

/* config_listen_take_live - what can change at run time: options_is_live(). */
void config_listen_take_live(struct config_listen *listen,
			     const struct config_listen *from);

#endif
