/* SPDX-License-Identifier: MIT */
/*
 * parse.h - numbers as people write them: 256M, 500ms, 75%, 0640.
 *
 * The whole text must be the number: no blanks, no signs (but a leading minus
 * for parse_number), nothing behind it. All return 0, -EINVAL for a text of
 * another form, or -ERANGE for one too large to hold; the output is untouched
 * on failure. The printers write the shortest text that parses back to the
 * same value, cut to `size`, and return `buffer`.
 */
#ifndef SRC_PARSE_H
#define SRC_PARSE_H

#include <stddef.h>
#include <stdint.h>

/* What the printers need at most. */
#define PARSE_TEXT_MAX 24

/* parse_number - a decimal integer. */
int parse_number(const char *text, int64_t *value);

/* parse_size - bytes, or with K, M, G or T (either case) powers of 1024. */
int parse_size(const char *text, uint64_t *bytes);

/* parse_duration - a number with ms, s or m; 0 needs no unit. */
int parse_duration(const char *text, uint64_t *milliseconds);

/* parse_interval - a number with us, ms or s; 0 needs no unit. */
int parse_interval(const char *text, uint64_t *microseconds);

/* parse_percent - an integer from 0 to 100 with a % behind it. */
int parse_percent(const char *text, uint32_t *percent);

/* parse_octal - octal digits, with or without leading zeros. */
int parse_octal(const char *text, uint32_t *value);

const char *parse_print_size(uint64_t bytes, char *buffer, size_t size);
const char *parse_print_duration(uint64_t milliseconds, char *buffer,
				 size_t size);
const char *parse_print_interval(uint64_t microseconds, char *buffer,
				 size_t size);

#endif
