/* SPDX-License-Identifier: MIT */
/*
 * fuzz_config_file.c - no file makes its reader crash. One that is refused is
 * so in lines that name it; and one that is taken says what --check-config
 * prints of it, and that says the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/config_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[32];

struct outcome {
	struct config config;
	char *out;
	char *said;
	int ret;
};

/* The file is there once, and has these bytes. */
static void write_file(const void *data, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("config", 0);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (fd < 0 || ftruncate(fd, 0) < 0 ||
	    pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
}

static void parse(struct outcome *outcome, const char *more)
{
	char *argv[] = {strdup("bcastd"), strdup("--config"), path,
			more ? strdup(more) : NULL, NULL};
	size_t out_size = 0, said_size = 0;
	FILE *out = open_memstream(&outcome->out, &out_size);
	FILE *said = open_memstream(&outcome->said, &said_size);

	outcome->ret =
		config_parse(&outcome->config, more ? 4 : 3, argv, out, said);
	(void)fclose(out);
	(void)fclose(said);
	free(argv[0]);
	free(argv[1]);
	free(argv[3]);
}

static void forget(struct outcome *outcome)
{
	free(outcome->out);
	free(outcome->said);
}

/* What depends on two options names the option; all else names the file. */
static void must_be_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; lines++) {
		const char *end = strchr(text, '\n');

		if (!end || lines > 21 ||
		    (strncmp(text, path, strlen(path)) != 0 &&
		     strncmp(text, "bcastd: --", 10) != 0))
			abort();
		text = end + 1;
	}
	if (lines == 0)
		abort();
}

static void must_be_the_same(const struct config *wanted)
{
	struct outcome first = {.ret = 0}, again = {.ret = 0};

	parse(&first, "--check-config");
	if (first.ret != CONFIG_DONE)
		abort();
	write_file(first.out, strlen(first.out));
	parse(&again, NULL);
	if (again.ret != CONFIG_RUN ||
	    memcmp(&again.config, wanted, sizeof(*wanted)) != 0)
		abort();
	forget(&first);
	forget(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome outcome = {.ret = 0};

	/* a name service is no business of a fuzzer's */
	if (memmem(data, size, "group", 5))
		return 0;
	write_file(data, size);
	parse(&outcome, NULL);
	if (outcome.ret < 0)
		must_be_lines(outcome.said);
	else if (outcome.said[0] != '\0')
		abort();
	else
		must_be_the_same(&outcome.config);
	forget(&outcome);
	return 0;
}
