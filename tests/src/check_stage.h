/* SPDX-License-Identifier: MIT */
/*
 * check_stage.h - for tests of checks of the machine: a root folder of the
 * test's own (root.h), and the result that is judged.
 */
#ifndef TESTS_SRC_CHECK_STAGE_H
#define TESTS_SRC_CHECK_STAGE_H

#include "root.h"
#include "support.h"

#include "src/check.h"

extern struct check_result result;

/* Setup and teardown. */
int check_stage_open(void **state);
int check_stage_close(void **state);

/*
 * check_stage_is - the result is of that state, and its cure has that text in
 * it. What is well needs no cure, and what is not has to mean something. Makes
 * the result ready for the next one.
 */
void check_stage_is(enum check_state state, const char *fix);

#endif
