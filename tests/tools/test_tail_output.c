/* SPDX-License-Identifier: MIT */
/*
 * test_tail_output.c - the real bcast-tail: its standard output, its
 * statistics, its signals and its command line.
 */
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "manual.h"
#include "tailed.h"

/* ---- Standard output --------------------------------------------------- */

static void closed_pipe_ends_an_idle_reader(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 100);
	tailed_start(tailed, "--from 0");
	assert_true(run_program_read_out(&tailed->tool, 100));

	run_program_deafen(&tailed->tool);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	tailed_assert_quiet(&tailed->tool);
}

static void closed_pipe_ends_a_writing_reader(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create_big(&tailed->stream, tailed->name, 4 * TAILED_PIECE,
			       1);
	tool_stream_publish(&tailed->stream, 4 * TAILED_PIECE);
	tailed_start(tailed, "--from 0");
	assert_true(run_program_read_out(&tailed->tool, 1));

	run_program_deafen(&tailed->tool);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	tailed_assert_quiet(&tailed->tool);
}

static void full_disk_is_an_error(void **state)
{
	struct tailed *tailed = *state;
	char command[512];
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 100);
	snprintf(command, sizeof(command), "exec %s --from 0 %s >/dev/full",
		 TOOL, tailed->name);

	assert_int_equal(run_program(&tailed->tool, argv), EX_IOERR);
	tailed_assert_said(&tailed->tool, "standard output: No space left");
}

/* Larger than a pipe holds, so that writes are partial and would block. */
static void non_blocking_standard_output_loses_nothing(void **state)
{
	static const char script[] =
		"use Fcntl; fcntl(STDOUT, F_SETFL, "
		"O_NONBLOCK | fcntl(STDOUT, F_GETFL, 0)); exec @ARGV;";
	struct tailed *tailed = *state;
	const char *const argv[] = {"/usr/bin/perl", "-e",	   script, TOOL,
				    "--no-follow",   tailed->name, NULL};

	if (access(argv[0], X_OK) < 0)
		skip();
	tool_stream_create_big(&tailed->stream, tailed->name, 4 * TAILED_PIECE,
			       1);
	tool_stream_publish(&tailed->stream, 4 * TAILED_PIECE);

	assert_int_equal(run_program(&tailed->tool, argv), 0);
	tailed_assert_bytes(&tailed->tool, 0, 4 * (size_t)TAILED_PIECE);
	tailed_assert_quiet(&tailed->tool);
}

/* ---- Statistics and signals -------------------------------------------- */

static uint64_t stat_of(const struct run_program *tool, const char *key)
{
	const char *line = strchr(tool->error.bytes, '{');
	struct json_object *stats, *value;
	uint64_t number;

	assert_non_null(line);
	stats = json_tokener_parse(line);
	assert_non_null(stats);
	assert_true(json_object_object_get_ex(stats, key, &value));
	assert_int_equal(json_object_get_type(value), json_type_int);
	number = json_object_get_uint64(value);
	json_object_put(stats);
	return number;
}

static void statistics_tell_what_was_done(void **state)
{
	struct tailed *tailed = *state;
	const struct run_program *tool = &tailed->tool;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 10);
	tailed_start(tailed, "--from 0 --stats");
	for (uint64_t i = 1; i <= 20; i++) {
		assert_true(run_program_read_out(&tailed->tool, i * 10));
		tool_stream_publish(&tailed->stream, 10);
	}
	tailed_close(tailed);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	assert_int_equal(stat_of(tool, "bytes"), 210);
	assert_int_equal(stat_of(tool, "position"), 210);
	assert_int_equal(stat_of(tool, "laps"), 0);
	assert_int_equal(stat_of(tool, "lost_bytes"), 0);
	assert_true(stat_of(tool, "parks") <= stat_of(tool, "waits"));
	assert_true(stat_of(tool, "latency_count") <= 21);
	assert_true(stat_of(tool, "latency_p50_ns") <=
		    stat_of(tool, "latency_p999_ns"));
}

static void statistics_tell_what_was_lost(void **state)
{
	struct tailed *tailed = *state;
	const struct run_program *tool = &tailed->tool;

	tailed_lap(tailed, "--from 0 --stats", 1000);

	assert_int_equal(stat_of(tool, "laps"), 1);
	assert_int_equal(stat_of(tool, "bytes") + stat_of(tool, "lost_bytes"),
			 1000 + 3 * TOOL_STREAM_RING);
	assert_int_equal(stat_of(tool, "bytes"), tool->out.size);
}

static void signal_prints_the_statistics_first(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 10);
	tailed_start(tailed, "--from 0 --stats");
	assert_true(run_program_read_out(&tailed->tool, 10));

	assert_int_equal(kill(tailed->tool.pid, SIGTERM), 0);

	assert_int_equal(run_program_wait(&tailed->tool),
			 RUN_PROGRAM_SIGNAL(SIGTERM));
	assert_int_equal(stat_of(&tailed->tool, "bytes"), 10);
}

/* What the reader holds but could not write is not counted as written. */
static void position_after_a_signal_is_where_to_go_on(void **state)
{
	struct tailed *tailed = *state;
	const struct run_program *tool = &tailed->tool;

	tool_stream_create_big(&tailed->stream, tailed->name, 4 * TAILED_PIECE,
			       1);
	tool_stream_publish(&tailed->stream, 4 * TAILED_PIECE);
	tailed_start(tailed, "--from 0 --stats");
	/* the pipe is full now, or will be when the signal comes */
	assert_true(run_program_read_out(&tailed->tool, 1));

	assert_int_equal(kill(tailed->tool.pid, SIGINT), 0);

	assert_int_equal(run_program_wait(&tailed->tool),
			 RUN_PROGRAM_SIGNAL(SIGINT));
	assert_int_equal(stat_of(tool, "position"), tool->out.size);
	tailed_assert_bytes(tool, 0, tool->out.size);
}

/* ---- Command line ------------------------------------------------------ */

static void wrong_command_lines_end_with_64(void **state)
{
	static const char *const wrong[] = {
		"--nonsense",
		"--from yesterday",
		"--from -1",
		"--from 18446744073709551616",
		"--from seq:0",
		"--from time:30s",
		"--from seq:1", /* of bytes */
		"--bytes 1X",
		"--bytes 1KK",
		"--bytes 16777216T",
		"--spin 1000001",
		"--on-loss maybe",
		"--timeout 2h",
		"--timeout 86400001",
		"--wait=86401",
		"--from",
		"second-name",
	};
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *newline;

		if (tailed_run(tailed, wrong[i]) != EX_USAGE)
			fail_msg("'%s' ended with %d", wrong[i],
				 tailed->tool.code);
		tailed_assert_said(&tailed->tool, "bcast-tail: ");
		newline = strchr(tailed->tool.error.bytes, '\n');
		assert_non_null(newline);
		assert_int_equal(newline[1], '\0');
	}
}

static void arguments_at_their_limits_are_taken(void **state)
{
	static const char *const right[] = {
		"--bytes 18446744073709551615", "--bytes 16777215T",
		"--spin 1000000 --bytes 0",	"--timeout 86400000 --bytes 0",
		"--timeout 86400s --bytes 0",	"--wait=86400 --bytes 0",
		"--on-loss continue --bytes 0", "-w5 -n0 -f0 -t1s -s",
	};
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tailed_close(tailed);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		if (tailed_run(tailed, right[i]) != 0)
			fail_msg("'%s' ended with %d", right[i],
				 tailed->tool.code);
}

static void name_is_required(void **state)
{
	const char *const argv[] = {TOOL, NULL};
	struct tailed *tailed = *state;

	assert_int_equal(run_program(&tailed->tool, argv), EX_USAGE);
	tailed_assert_said(&tailed->tool, "which stream?");
}

static void version_is_the_library_s(void **state)
{
	const char *const argv[] = {TOOL, "--version", NULL};
	struct tailed *tailed = *state;

	assert_int_equal(run_program(&tailed->tool, argv), 0);
	assert_string_equal(tailed->tool.out.bytes,
			    "bcast-tail " BCAST_VERSION "\n");
}

static void help_and_manual_agree(void **state)
{
	(void)state;
	manual_agrees(TOOL, MANUAL);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, tailed_set_up, tailed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(closed_pipe_ends_an_idle_reader),
		TEST(closed_pipe_ends_a_writing_reader),
		TEST(full_disk_is_an_error),
		TEST(non_blocking_standard_output_loses_nothing),
		TEST(statistics_tell_what_was_done),
		TEST(statistics_tell_what_was_lost),
		TEST(signal_prints_the_statistics_first),
		TEST(position_after_a_signal_is_where_to_go_on),
		TEST(wrong_command_lines_end_with_64),
		TEST(arguments_at_their_limits_are_taken),
		TEST(name_is_required),
		TEST(version_is_the_library_s),
		TEST(help_and_manual_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
