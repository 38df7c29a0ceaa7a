/* SPDX-License-Identifier: MIT */
/* output.c - see output.h. SIGPIPE must be ignored for this to be reached. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "output.h"

int output_finish(const char *program, int code)
{
	int failed = ferror(stdout);
	int error = failed ? errno : 0;

	if (fclose(stdout) != 0) {
		error = errno;
		failed = 1;
	}
	if (!failed || error == EPIPE)
		return code;
	fprintf(stderr, "%s: standard output: %s\n", program,
		error ? strerror(error) : "could not be written");
	return EX_IOERR;
}
