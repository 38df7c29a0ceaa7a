/* SPDX-License-Identifier: MIT */
/* manual.h - a tool's --help held against its man page. */
#ifndef TESTS_MANUAL_H
#define TESTS_MANUAL_H

#include <stddef.h>

/* A name of an option or a key; a list of them. */
struct manual_names {
	char names[128][48];
	size_t count;
};

/* manual_file - the whole file, terminated; to be freed. */
char *manual_file(const char *path);

/*
 * manual_agrees - fail the test unless the long options in the tool's --help
 * are those that have a paragraph in the man page's OPTIONS, in that order.
 */
void manual_agrees(const char *tool, const char *manual);

#endif
