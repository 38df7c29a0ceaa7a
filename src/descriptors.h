/* SPDX-License-Identifier: MIT */
/* descriptors.h - how many files may be open, and how many are needed. */
#ifndef SRC_DESCRIPTORS_H
#define SRC_DESCRIPTORS_H

#include "src/check.h"

struct descriptors {
	uint64_t soft;
	uint64_t hard; /* as far as the daemon may raise it */
	uint64_t needed;
};

/* descriptors_needed - by a daemon that has all it is allowed to have. */
uint64_t descriptors_needed(const struct config *config);

/* descriptors_read - this process's limits. False if there are none. */
bool descriptors_read(const struct config *config,
		      struct descriptors *descriptors);
void descriptors_judge(const struct descriptors *descriptors,
		       struct check_result *result);

/* descriptors_raise - take what we may, and log if it is too few. */
void descriptors_raise(const struct config *config);

#endif
