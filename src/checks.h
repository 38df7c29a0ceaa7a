/* SPDX-License-Identifier: MIT */
/* checks.h - all checks of a machine, in the order in which they are told. */
#ifndef SRC_CHECKS_H
#define SRC_CHECKS_H

#include "src/check.h"

struct checks_row {
	const char *name; /* stable: scripts match it */
	void (*run)(const struct check_plan *plan, struct check_result *result);
};

#define CHECKS_COUNT 21

extern const struct checks_row checks_table[CHECKS_COUNT];

#endif
