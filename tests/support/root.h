/* SPDX-License-Identifier: MIT */
/*
 * root.h - a directory that stands for the root of a machine, with the files of
 * /proc, /sys and /etc that a test wants there to be.
 */
#ifndef TESTS_ROOT_H
#define TESTS_ROOT_H

/* What to put before paths; valid from root_make() to root_remove(). */
extern char root_path[64];

void root_make(void);

/* root_write - a file below it, with all directories above. */
void root_write(const char *path, const char *text);

void root_remove(void);

#endif
