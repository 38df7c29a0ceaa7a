/* SPDX-License-Identifier: MIT */
/*
 * tailed.h - a stream, and the bcast-tails that read it: for the tests of that
 * tool. TOOL is its path.
 */
#ifndef TESTS_TAILED_H
#define TESTS_TAILED_H

#include <bcast/bcast.h>

#include "run_program.h"
#include "support.h"
#include "tool_stream.h"

#define TAILED_PIECE (256 * 1024) /* what bcast-tail copies at once */

/* What a test uses; freed whether it passes or not. */
struct tailed {
	const char *name;
	struct bc_segment stream;
	struct run_program tool;
	struct run_program second;
};

int tailed_set_up(void **state);
int tailed_tear_down(void **state);

/* Start `bcast-tail NAME options...`; options are separated by blanks. */
void tailed_start_as(struct run_program *program, const char *name,
		     const char *options);
void tailed_start(struct tailed *tailed, const char *options);

/* tailed_run - start, and wait for the end; returns the exit code. */
int tailed_run(struct tailed *tailed, const char *options);

/* Standard output is the stream's bytes [from, from + size), and no more. */
void tailed_assert_bytes(const struct run_program *tool, uint64_t from,
			 size_t size);

/* Standard error is empty, or has this in it. */
void tailed_assert_quiet(const struct run_program *tool);
void tailed_assert_said(const struct run_program *tool, const char *text);

/* tailed_stop - stop the process; SIGCONT lets it go on. */
void tailed_stop(const struct run_program *tool);

/* tailed_close - end the stream in order. */
void tailed_close(struct tailed *tailed);

/*
 * tailed_lap - make a stream of which a reader gets the first bytes, and is
 * then stopped while three rings full are published; close the stream, and
 * wait for the reader's end.
 */
void tailed_lap(struct tailed *tailed, const char *options, uint64_t first);

#endif
