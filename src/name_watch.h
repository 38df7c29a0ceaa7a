/* SPDX-License-Identifier: MIT */
/*
 * name_watch.h - does the stream's name still lead to our segment?
 *
 * logind's RemoveIPC, a clean-up script or a person may unlink it under a
 * running daemon. Who is attached goes on; nobody new finds the stream. That
 * cannot be mended from here (there is no link back to an unlinked object), but
 * it can be said, once.
 */
#ifndef SRC_NAME_WATCH_H
#define SRC_NAME_WATCH_H

#include "src/daemon.h"

/* name_watch_tick - look, about once a second; log segment_unlinked once. */
void name_watch_tick(struct daemon *daemon);

#endif
