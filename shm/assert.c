/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "shm/assert.h"
#include "shm/last_words.h"

void bc_assert_failed(const char *condition, const char *file, int line)
{
	bc_last_words_text(condition, file, line);
	fprintf(stderr, "bcast: bug: %s:%d: %s does not hold\n", file, line,
		condition);
	abort();
}
