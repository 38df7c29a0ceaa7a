/* SPDX-License-Identifier: MIT */
/*
 * crowd_stage.h - what most tests of the daemon play on: one daemon, which each
 * test starts with options of its own, and its crowd. One stage a program.
 */
#ifndef TESTS_CROWD_STAGE_H
#define TESTS_CROWD_STAGE_H

#include "crowd.h"

extern struct daemon_fixture daemon_;
extern struct crowd crowd;

/* crowd_stage_open - a test's setup: no daemon yet, and nobody in the crowd. */
int crowd_stage_open(void **state);

/* crowd_stage_close - its teardown: all connections, and the daemon. */
int crowd_stage_close(void **state);

#endif
