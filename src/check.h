/* SPDX-License-Identifier: MIT */
/*
 * check.h - one thing of this machine, looked at and judged.
 *
 * A check has two halves. What is read from /proc, /sys and system calls goes
 * into a struct of plain numbers and words; a pure function makes a result of
 * it. bcast-doctor prints results (checks.h has the list), and the daemon logs
 * at its start those of them that are not well: by the same functions, so that
 * both say the same. What cannot be read is a state of its own, and never
 * taken for good or bad.
 *
 * Texts hold no double quotes, since they also stand in the log.
 */
#ifndef SRC_CHECK_H
#define SRC_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/config.h"

enum check_state {
	CHECK_OK,
	CHECK_WARN, /* works, but worse than it could, or not for all */
	CHECK_FAIL, /* bcastd does not start, or not as planned */
	CHECK_UNKNOWN,
};

#define CHECK_TEXT 320

struct check_result {
	enum check_state state;
	char found[CHECK_TEXT];
	char means[CHECK_TEXT]; /* for bcast; may be "" if all is well */
	char fix[CHECK_TEXT];	/* to be typed; or "" */
};

/* What a machine is judged for. */
struct check_plan {
	const char *root; /* before all paths: "", or a directory for tests */
	const struct config *config;
};

/* check_state_name - "ok", "warn", "fail", "unknown". */
const char *check_state_name(enum check_state state);

/*
 * check_is - fill in a result: the state, and what it means, a literal. The
 * two others are written by check_found and check_fix.
 */
void check_is(struct check_result *result, enum check_state state,
	      const char *means);
void check_found(struct check_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void check_fix(struct check_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* check_unknown - this file, or whatever it is, cannot be read. */
void check_unknown(struct check_result *result, const char *what);

/*
 * check_line - the first line of a file below root, without its newline. False,
 * and "", if it cannot be read.
 */
bool check_line(const char *root, const char *path, char *line, size_t size);

/* check_numbers - the same, as so many unsigned numbers. False if fewer. */
bool check_numbers(const char *root, const char *path, uint64_t *numbers,
		   unsigned count);

/*
 * check_bytes - a number of bytes, for people: "250M", "1.5G"; less than ten of
 * a unit has a digit after the point. Returns `text`.
 */
#define CHECK_SIZE_MAX 16
const char *check_bytes(uint64_t bytes, char text[CHECK_SIZE_MAX]);

/*
 * check_capability - whether this process has CAP_..., in its user namespace.
 */
bool check_capability(const char *root, unsigned capability);

#endif
