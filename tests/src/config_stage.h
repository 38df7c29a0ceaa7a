/* SPDX-License-Identifier: MIT */
/*
 * config_stage.h - bcastd's options from a file, the environment and words, and
 * what comes of them.
 */
#ifndef TESTS_CONFIG_STAGE_H
#define TESTS_CONFIG_STAGE_H

#include <stddef.h>

#include "src/config_load.h"

#define STAGE_WORDS_MAX 32

struct config_stage {
	struct config config;
	char path[64]; /* of the file, which is there from the first write on */
	char output[65536];
	char error[65536];
};

/* stage_write, _write_bytes - this is what the file says from now on. */
void stage_write(struct config_stage *stage, const char *text);
void stage_write_bytes(struct config_stage *stage, const void *bytes,
		       size_t size);

/*
 * stage_parse - config_parse() with these words behind "bcastd", NULL last.
 * stage_parse_file: with --config and the file before them.
 */
int stage_parse(struct config_stage *stage, const char *const words[]);
int stage_parse_file(struct config_stage *stage, const char *const words[]);

/* stage_lines - how many lines have been printed as errors. */
unsigned stage_lines(const struct config_stage *stage);

/* stage_says - fail the test unless `part` stands in the errors. */
void stage_says(const struct config_stage *stage, const char *part);

/* stage_end - remove the file, and BCASTD_... from the environment. */
void stage_end(struct config_stage *stage);

#endif
