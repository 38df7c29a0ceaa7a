/* SPDX-License-Identifier: MIT */
/*
 * fuzz_config.c - no command line makes the parser crash; each one is taken,
 * or refused in exactly one line.
 *
 * The input is the arguments, separated by newlines.
 */
#include <stdlib.h>
#include <string.h>

#include "src/config_load.h"

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cut `text` in place. Returns how many words there are, argv[0] included. */
static int split(char *text, char *argv[WORDS_MAX + 1])
{
	static char program[] = "bcastd";
	int argc = 0;

	argv[argc++] = program;
	while (text && *text && argc < WORDS_MAX) {
		argv[argc++] = text;
		text = strchr(text, '\n');
		if (text)
			*text++ = '\0';
	}
	argv[argc] = NULL;
	return argc;
}

static void must_be_one_line(const char *text, size_t size)
{
	const char *end = memchr(text, '\n', size);

	if (!end || end != text + size - 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	char *argv[WORDS_MAX + 1];
	char *text, *said = NULL, *out = NULL;
	size_t said_size = 0, out_size = 0;
	FILE *said_file, *out_file;
	int ret;

	text = calloc(1, size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	/* a name service is no business of a fuzzer's, nor are files */
	if (strstr(text, "--g") || strstr(text, "--conf"))
		goto out;
	said_file = open_memstream(&said, &said_size);
	out_file = open_memstream(&out, &out_size);
	ret = config_parse(&config, split(text, argv), argv, out_file,
			   said_file);
	(void)fclose(said_file);
	(void)fclose(out_file);
	if (ret < 0)
		must_be_one_line(said, said_size);
	else if (said_size != 0)
		abort();
out:
	free(said);
	free(out);
	free(text);
	return 0;
}
