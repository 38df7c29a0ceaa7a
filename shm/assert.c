/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "shm/assert.h"

void bc_assert_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "bcast: bug: %s:%d: %s does not hold\n", file, line,
		condition);
	abort();
}
