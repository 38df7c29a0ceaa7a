/* SPDX-License-Identifier: MIT */
/* config_stage.c - see config_stage.h. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "config_stage.h"

void stage_write_bytes(struct config_stage *stage, const void *bytes,
		       size_t size)
{
	int fd;

	if (stage->path[0] == '\0') {
		(void)strcpy(stage->path, "/tmp/bcast-test-config-XXXXXX");
		fd = mkstemp(stage->path);
	} else {
		fd = open(stage->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	}
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	(void)close(fd);
}

void stage_write(struct config_stage *stage, const char *text)
{
	stage_write_bytes(stage, text, strlen(text));
}

static int parse(struct config_stage *stage, const char *const before[],
		 const char *const words[])
{
	FILE *out, *err;
	char *argv[STAGE_WORDS_MAX] = {strdup("bcastd")};
	int argc = 1;
	int ret;

	while (*before)
		argv[argc++] = strdup(*before++);
	for (; *words; words++) {
		assert_in_range(argc, 1, STAGE_WORDS_MAX - 2);
		argv[argc++] = strdup(*words);
	}
	memset(stage->output, 0, sizeof(stage->output));
	memset(stage->error, 0, sizeof(stage->error));
	out = fmemopen(stage->output, sizeof(stage->output), "w");
	err = fmemopen(stage->error, sizeof(stage->error), "w");
	assert_non_null(out);
	assert_non_null(err);
	ret = config_parse(&stage->config, argc, argv, out, err);
	(void)fclose(out);
	(void)fclose(err);
	while (argc > 0)
		free(argv[--argc]);
	return ret;
}

int stage_parse(struct config_stage *stage, const char *const words[])
{
	const char *const nothing[] = {NULL};

	return parse(stage, nothing, words);
}

int stage_parse_file(struct config_stage *stage, const char *const words[])
{
	const char *const file[] = {"--config", stage->path, NULL};

	return parse(stage, file, words);
}

unsigned stage_lines(const struct config_stage *stage)
{
	unsigned lines = 0;

	for (const char *byte = stage->error; *byte; byte++)
		lines += *byte == '\n';
	return lines;
}

void stage_says(const struct config_stage *stage, const char *part)
{
	if (!strstr(stage->error, part))
		fail_msg("no '%s' in:\n%s", part, stage->error);
}

void stage_end(struct config_stage *stage)
{
	if (stage->path[0] != '\0')
		(void)unlink(stage->path);
	stage->path[0] = '\0';
	for (char **entry = environ; *entry;) {
		char name[128];

		if (strncmp(*entry, "BCASTD_", 7) != 0) {
			entry++;
			continue;
		}
		(void)snprintf(name, sizeof(name), "%.*s",
			       (int)strcspn(*entry, "="), *entry);
		(void)unsetenv(name); /* moves the others down */
	}
}
