/* SPDX-License-Identifier: MIT */
/* tailed.c - see tailed.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tailed.h"

#define ARGUMENTS_MAX 8

int tailed_set_up(void **state)
{
	struct tailed *tailed = calloc(1, sizeof(*tailed));

	*state = tailed;
	if (tailed)
		tailed->name = test_name();
	return tailed ? 0 : -1;
}

int tailed_tear_down(void **state)
{
	struct tailed *tailed = *state;

	run_program_end(&tailed->tool);
	run_program_end(&tailed->second);
	tool_stream_destroy(&tailed->stream);
	tool_stream_remove(tailed->name);
	free(tailed);
	return 0;
}

void tailed_start_as(struct run_program *program, const char *name,
		     const char *options)
{
	const char *argv[ARGUMENTS_MAX + 3] = {TOOL, name};
	char words[256];
	char *rest = NULL;
	size_t count = 2;

	snprintf(words, sizeof(words), "%s", options);
	for (char *word = strtok_r(words, " ", &rest);
	     word && count < ARGUMENTS_MAX + 2;
	     word = strtok_r(NULL, " ", &rest))
		argv[count++] = word;
	run_program_end(program);
	assert_int_equal(run_program_start(program, argv), 0);
}

void tailed_start(struct tailed *tailed, const char *options)
{
	tailed_start_as(&tailed->tool, tailed->name, options);
}

int tailed_run(struct tailed *tailed, const char *options)
{
	tailed_start(tailed, options);
	return run_program_wait(&tailed->tool);
}

void tailed_assert_bytes(const struct run_program *tool, uint64_t from,
			 size_t size)
{
	assert_int_equal(tool->out.size, size);
	assert_int_equal(test_pattern_check(TOOL_STREAM_SEED, from,
					    tool->out.bytes, size),
			 -1);
}

void tailed_assert_quiet(const struct run_program *tool)
{
	assert_string_equal(tool->error.bytes, "");
}

void tailed_assert_said(const struct run_program *tool, const char *text)
{
	if (!strstr(tool->error.bytes, text))
		fail_msg("no '%s' in: %s", text, tool->error.bytes);
}

void tailed_stop(const struct run_program *tool)
{
	int status;

	assert_int_equal(kill(tool->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(tool->pid, &status, WUNTRACED), tool->pid);
	assert_true(WIFSTOPPED(status));
}

void tailed_close(struct tailed *tailed)
{
	bc_segment_set_state(&tailed->stream, BC_STATE_CLOSED);
}

void tailed_lap(struct tailed *tailed, const char *options, uint64_t first)
{
	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, first);
	tailed_start(tailed, options);
	assert_true(run_program_read_out(&tailed->tool, first));
	tailed_stop(&tailed->tool);
	tool_stream_publish(&tailed->stream, 3 * TOOL_STREAM_RING);
	tailed_close(tailed);
	assert_int_equal(kill(tailed->tool.pid, SIGCONT), 0);
	(void)run_program_wait(&tailed->tool);
}
