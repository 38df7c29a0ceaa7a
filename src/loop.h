/* SPDX-License-Identifier: MIT */
/* loop.h - the daemon's one loop. */
#ifndef SRC_LOOP_H
#define SRC_LOOP_H

#include "src/daemon.h"

/*
 * loop_run - serve until a signal has asked for the end and the draining is
 * over, or all of it was handed to another process. Returns 0, or an exit code
 * of sysexits.h if the backend broke.
 */
int loop_run(struct daemon *daemon);

#endif
