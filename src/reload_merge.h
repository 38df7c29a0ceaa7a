/* SPDX-License-Identifier: MIT */
/*
 * reload_merge.h - what is said now, beside what the daemon runs with: what of
 * it can be applied, and what has to wait for a restart. Texts only.
 */
#ifndef SRC_RELOAD_MERGE_H
#define SRC_RELOAD_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "src/settings.h"

struct reload_change {
	const struct option_row *row;
	const char *from; /* "": nothing was said, or no such address */
	const char *to;	  /* likewise; of the settings that were compared */
	bool kept;	  /* cannot be applied */
};

#define RELOAD_CHANGES_MAX (OPTIONS_COUNT + 2 * CONFIG_LISTEN_MAX)

struct reload_changes {
	struct reload_change all[RELOAD_CHANGES_MAX];
	size_t count;
};

/*
 * reload_compare - in what `wanted` differs. `receivers_max`: as many as there
 * is room for. An address is the same if what stands before its options is; new
 * ones are not opened, and old ones not closed.
 */
void reload_compare(const struct settings *running,
		    const struct settings *wanted, uint32_t receivers_max,
		    struct reload_changes *changes);

/*
 * reload_merge - what holds once that has been applied: addresses and what is
 * kept as running, the rest as wanted. *merged is zeroed before, and has to be
 * freed by settings_fini(). Returns 0, or -ENOMEM.
 */
int reload_merge(const struct settings *running, const struct settings *wanted,
		 const struct reload_changes *changes, struct settings *merged);

#endif
