/* SPDX-License-Identifier: MIT */
/*
 * pubbed.h - a stream, a reader of it, and the bcast-pubs that publish: for the
 * tests of that tool. TOOL is its path.
 */
#ifndef TESTS_PUBBED_H
#define TESTS_PUBBED_H

#include <stdbool.h>

#include <bcast/bcast.h>

#include "run_program.h"
#include "support.h"
#include "tool_stream.h"

/* What a test uses; freed whether it passes or not. */
struct pubbed {
	const char *name;
	struct bc_segment stream;
	struct run_program tool, second;
	struct bcast_reader *reader;
	struct bcast_node *node;
	struct bcast_publisher *publisher;
	char folder[32];
	char files[2][48];
	int fifo;
};

int pubbed_set_up(void **state);
int pubbed_tear_down(void **state);

/* pubbed_open - make the stream, and attach the reader at its beginning. */
void pubbed_open(struct pubbed *pubbed, bool packets);

/* pubbed_file - let this be all that is in the file. */
void pubbed_file(const char *path, const void *bytes, size_t size);

/*
 * pubbed_start - `bcast-pub options... NAME FILE FILE`, without those that are
 * NULL; options are separated by blanks. pubbed_run: and wait for its end;
 * returns the exit code. pubbed_run_text: on files[0], which holds this text.
 */
void pubbed_start(struct pubbed *pubbed, struct run_program *tool,
		  const char *options, const char *first, const char *second);
int pubbed_run(struct pubbed *pubbed, const char *options, const char *first,
	       const char *second);
int pubbed_run_text(struct pubbed *pubbed, const char *options,
		    const char *text);

/* pubbed_assert_said - standard error has this in it. */
void pubbed_assert_said(const struct run_program *tool, const char *text);

/* pubbed_expect_record - the next record has this payload. */
struct bcast_packet pubbed_expect_record(struct pubbed *pubbed,
					 const char *payload);
void pubbed_expect_nothing(struct pubbed *pubbed);

#endif
