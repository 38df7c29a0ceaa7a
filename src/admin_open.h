/* SPDX-License-Identifier: MIT */
/* admin_open.h - the daemon's admin thread, for its --admin addresses. */
#ifndef SRC_ADMIN_OPEN_H
#define SRC_ADMIN_OPEN_H

#include "src/daemon.h"

/*
 * admin_open - start it, if there are any. The segment and the listeners stand.
 * Returns 0, or an exit code of sysexits.h after logging why.
 */
int admin_open(struct daemon *daemon);

/* admin_close - stop it. Idempotent. */
void admin_close(struct daemon *daemon);

#endif
