/* SPDX-License-Identifier: MIT */
/* attach_error.h - why a stream cannot be opened, and what to do about it. */
#ifndef TOOLS_ATTACH_ERROR_H
#define TOOLS_ATTACH_ERROR_H

/*
 * attach_error - say in one line on standard error why `program` could not
 * open the stream, and what to do next. `result` is what bcast_attach() or
 * bcast_monitor_open() returned. Returns the exit code, from sysexits.h.
 */
int attach_error(const char *program, const char *name, int result);

#endif
