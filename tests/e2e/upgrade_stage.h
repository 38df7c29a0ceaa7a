/* SPDX-License-Identifier: MIT */
/*
 * upgrade_stage.h - one stream that goes from daemon to daemon while they live
 * (bcastd --takeover). Whoever uses it keeps its own clients moving.
 */
#ifndef TESTS_UPGRADE_STAGE_H
#define TESTS_UPGRADE_STAGE_H

#include "daemon_fixture.h"

/* The one that serves now. */
extern struct daemon_fixture *daemon_now;

/* upgrade_stage_start - the first one, with these options. */
void upgrade_stage_start(const char *const options[]);

/*
 * upgrade_stage_take - another one takes over. `move` is called again and again
 * until it has, or for nothing if NULL. Returns when the old one has ended, as
 * it should.
 */
void upgrade_stage_take(const char *const options[], void (*move)(void));

/* upgrade_stage_try - the same, but it must not get it: its exit code. */
int upgrade_stage_try(const char *const options[], void (*move)(void));

/* upgrade_stage_close - cmocka's teardown. */
int upgrade_stage_close(void **state);

#endif
