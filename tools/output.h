/* SPDX-License-Identifier: MIT */
/* output.h - how a tool ends what it has printed. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

/*
 * output_finish - flush and close standard output. Returns `code`, or
 * EX_IOERR after saying why if something could not be written; a reader that
 * has gone away (a closed pipe) is not an error.
 */
int output_finish(const char *program, int code);

#endif
