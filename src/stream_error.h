/* SPDX-License-Identifier: MIT */
/*
 * stream_error.h - why the stream's name or memory cannot be had, in one line
 * of the log: what stands there, whose it is, and what to do.
 */
#ifndef SRC_STREAM_ERROR_H
#define SRC_STREAM_ERROR_H

#include "src/config.h"

/*
 * stream_error_name - the name lock was refused with this error. Each function
 * here logs start_failed and returns the exit code, of sysexits.h.
 */
int stream_error_name(const struct config *config, int error);

/* stream_error_object - so was one of the objects: suffix as in shm/name.h. */
int stream_error_object(const struct config *config, const char *suffix,
			int error);

/* stream_error_space - /dev/shm has too little room for these bytes. */
int stream_error_space(const struct config *config, uint64_t needed);

#endif
