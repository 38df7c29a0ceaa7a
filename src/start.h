/* SPDX-License-Identifier: MIT */
/* start.h - make a daemon, and take it apart. */
#ifndef SRC_START_H
#define SRC_START_H

#include "src/daemon.h"

/*
 * daemon_start - make everything ready to serve, and say so in the log.
 * Returns 0, or the exit code of sysexits.h after logging why, with nothing
 * left behind; but a dead daemon's segment that can be adopted stays for the
 * next try. May block for some seconds: names are resolved, memory is
 * allocated, an address in use is waited for.
 */
int daemon_start(struct daemon *daemon, const struct config *config);

/*
 * daemon_state_facts - say in the segment what holds; again after a change of
 * the configuration.
 */
void daemon_state_facts(struct daemon *daemon);

/* daemon_stop - close, announce the end, unlink. Safe after a failed start. */
void daemon_stop(struct daemon *daemon);

#endif
