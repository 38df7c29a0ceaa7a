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
 * reload_open - what SIGHUP needs: `settings` are those that the daemon is
 * started with, and are taken over; argc and argv stay the caller's. To be put
 * into daemon->reload. Without it, or the memory for it, which is logged,
 * SIGHUP opens the log anew, and no more.
 */
struct reload *reload_open(const struct config *config,
			   struct settings *settings, int argc,
			   char *const argv[]);

/* reload_tick - ten times a second. Never blocks. */
void reload_tick(struct daemon *daemon);

/* reload_close - free it; NULL is allowed. What is being read is left alone. */
void reload_close(struct reload *reload);

#endif
