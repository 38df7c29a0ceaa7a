/* SPDX-License-Identifier: MIT */
/*
 * ipc_removal.h - will systemd-logind delete our segment?
 *
 * With RemoveIPC=yes, its default, logind unlinks all shared memory objects of
 * a regular user when that user's last session ends, also those of a daemon
 * that a system service runs as that user. Readers that are attached go on, but
 * nobody finds the stream any more. See logind.conf(5).
 */
#ifndef SRC_IPC_REMOVAL_H
#define SRC_IPC_REMOVAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "src/check.h"

/*
 * ipc_removal_expected - whether logind would do that to this user's objects:
 * it runs here, RemoveIPC= is not off, and the user is a regular one without
 * lingering. `root` stands before all paths that are looked at: "", or a
 * directory for tests.
 */
bool ipc_removal_expected(const char *root, uid_t user);

/* ipc_removal_judge - what that means for a daemon of this user. */
void ipc_removal_judge(bool expected, uid_t user, struct check_result *result);

/* ipc_removal_warn - log one warning, with the remedy, if it is expected. */
void ipc_removal_warn(void);

#endif
