/* SPDX-License-Identifier: MIT */
/*
 * reload.h - SIGHUP: what the file says now, as far as that can be applied to a
 * daemon that runs.
 *
 * What cannot stays as it is, and the log says so of each option. What is wrong
 * changes nothing at all.
 */
#ifndef SRC_RELOAD_H
#define SRC_RELOAD_H

#include "src/daemon.h"
#include "src/settings.h"

/*
 * reload_open - from now on SIGHUP does that. `settings` are those that the
 * daemon was started with, and are taken over; argc and argv stay the caller's.
 * Without it, or the memory for it, SIGHUP opens the log anew, and no more.
 */
void reload_open(struct daemon *daemon, struct settings *settings, int argc,
		 char *const argv[]);

/* reload_tick - ten times a second. Never blocks. */
void reload_tick(struct daemon *daemon);

/* reload_close - free it; a file that is still being read is left alone. */
void reload_close(struct daemon *daemon);

#endif
