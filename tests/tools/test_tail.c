/* SPDX-License-Identifier: MIT */
/*
 * test_tail.c - the real bcast-tail: which bytes come out, in which order, and
 * what is said about those that do not.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "manual.h"
#include "run_program.h"
#include "support.h"
#include "tool_stream.h"

#define ARGUMENTS_MAX 8
#define PIECE	      (256 * 1024) /* what bcast-tail copies at once */

/* What a test uses; freed whether it passes or not. */
struct tailed {
	const char *name;
	struct bc_segment stream;
	struct run_program tool;
	struct run_program second;
};

static int set_up(void **state)
{
	struct tailed *tailed = calloc(1, sizeof(*tailed));

	*state = tailed;
	if (tailed)
		tailed->name = test_name();
	return tailed ? 0 : -1;
}

static int tear_down(void **state)
{
	struct tailed *tailed = *state;

	run_program_end(&tailed->tool);
	run_program_end(&tailed->second);
	tool_stream_destroy(&tailed->stream);
	tool_stream_remove(tailed->name);
	free(tailed);
	return 0;
}

/* ---- Run and look ------------------------------------------------------ */

/* Start `bcast-tail NAME options...`; options are separated by blanks. */
static void start_as(struct run_program *program, const char *name,
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

static void start(struct tailed *tailed, const char *options)
{
	start_as(&tailed->tool, tailed->name, options);
}

static int run(struct tailed *tailed, const char *options)
{
	start(tailed, options);
	return run_program_wait(&tailed->tool);
}

/* Standard output is the stream's bytes [from, from + size), and no more. */
static void assert_bytes(const struct run_program *tool, uint64_t from,
			 size_t size)
{
	assert_int_equal(tool->out.size, size);
	assert_int_equal(test_pattern_check(TOOL_STREAM_SEED, from,
					    tool->out.bytes, size),
			 -1);
}

static void assert_quiet(const struct run_program *tool)
{
	assert_string_equal(tool->error.bytes, "");
}

static void assert_said(const struct run_program *tool, const char *text)
{
	if (!strstr(tool->error.bytes, text))
		fail_msg("no '%s' in: %s", text, tool->error.bytes);
}

static void stop(const struct run_program *tool)
{
	int status;

	assert_int_equal(kill(tool->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(tool->pid, &status, WUNTRACED), tool->pid);
	assert_true(WIFSTOPPED(status));
}

static void close_stream(struct tailed *tailed)
{
	bc_segment_set_state(&tailed->stream, BC_STATE_CLOSED);
}

/* ---- All bytes --------------------------------------------------------- */

static void every_byte_of_many_laps_is_copied(void **state)
{
	const uint64_t total = 16 * TOOL_STREAM_RING + 13;
	struct tailed *tailed = *state;
	uint64_t published = 1000;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, published);
	start(tailed, "--from 0");
	while (published < total) {
		uint64_t n =
			total - published < 7777 ? total - published : 7777;

		/* at the reader's pace: it never lags by more than this */
		assert_true(run_program_read_out(&tailed->tool, published));
		tool_stream_publish(&tailed->stream, n);
		published += n;
	}
	close_stream(tailed);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	assert_bytes(&tailed->tool, 0, total);
	assert_quiet(&tailed->tool);
}

static void two_readers_get_the_same(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 10);
	start(tailed, "--from 0");
	start_as(&tailed->second, tailed->name, "--from 0 --spin 100");
	assert_true(run_program_read_out(&tailed->tool, 10));
	assert_true(run_program_read_out(&tailed->second, 10));
	tool_stream_publish(&tailed->stream, 50000);
	close_stream(tailed);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	assert_int_equal(run_program_wait(&tailed->second), 0);
	assert_bytes(&tailed->tool, 0, 50010);
	assert_bytes(&tailed->second, 0, 50010);
}

/* ---- Where to start ---------------------------------------------------- */

static void oldest_is_all_that_the_ring_holds(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 3 * TOOL_STREAM_RING + 5);

	assert_int_equal(run(tailed, "--from oldest --no-follow"), 0);
	assert_bytes(&tailed->tool, 2 * TOOL_STREAM_RING + 5, TOOL_STREAM_RING);
	assert_quiet(&tailed->tool);
}

static void no_follow_starts_at_the_oldest(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 500);

	assert_int_equal(run(tailed, "--no-follow"), 0);
	assert_bytes(&tailed->tool, 0, 500);
	assert_int_equal(run(tailed, "--no-follow --from live"), 0);
	assert_bytes(&tailed->tool, 500, 0);
}

static void position_is_exact_up_to_the_tail(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 1000);

	assert_int_equal(run(tailed, "--no-follow --from 999"), 0);
	assert_bytes(&tailed->tool, 999, 1);
	assert_int_equal(run(tailed, "--no-follow --from 1000"), 0);
	assert_bytes(&tailed->tool, 1000, 0);
	assert_int_equal(run(tailed, "--no-follow --from 1001"), EX_USAGE);
	assert_bytes(&tailed->tool, 1001, 0);
	assert_said(&tailed->tool, "position 1001 is beyond the tail");
}

/* It cannot be seen from here when a reader has joined: publish until then. */
static bool ends_while_we_publish(void *argument)
{
	struct tailed *tailed = argument;
	siginfo_t info = {0};

	tool_stream_publish(&tailed->stream, 100);
	return waitid(P_PID, (id_t)tailed->tool.pid, &info,
		      WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

static void live_starts_with_what_comes_next(void **state)
{
	struct tailed *tailed = *state;
	uint64_t start_position = 1000;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, start_position);
	start(tailed, "--bytes 100");
	assert_true(test_within(DEADLINE_MS, ends_while_we_publish, tailed));

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	assert_int_equal(tailed->tool.out.size, 100);
	while (test_pattern_check(TOOL_STREAM_SEED, start_position,
				  tailed->tool.out.bytes, 100) != -1) {
		start_position += 100;
		assert_true(start_position <
			    bc_ring_tail(&tailed->stream.ring));
	}
}

/* ---- Lapped ------------------------------------------------------------ */

/* Deliver `first` bytes to the reader, then lap it while it is stopped. */
static void lap(struct tailed *tailed, const char *options, uint64_t first)
{
	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, first);
	start(tailed, options);
	assert_true(run_program_read_out(&tailed->tool, first));
	stop(&tailed->tool);
	tool_stream_publish(&tailed->stream, 3 * TOOL_STREAM_RING);
	close_stream(tailed);
	assert_int_equal(kill(tailed->tool.pid, SIGCONT), 0);
	(void)run_program_wait(&tailed->tool);
}

static void lapped_reader_tells_exactly_what_is_missing(void **state)
{
	const uint64_t tail = 1000 + 3 * TOOL_STREAM_RING;
	/* the library goes on an eighth of the ring after the oldest byte */
	const uint64_t goes_on = tail - TOOL_STREAM_RING * 7 / 8;
	struct tailed *tailed = *state;
	char line[128];

	lap(tailed, "--from 0", 1000);

	assert_int_equal(tailed->tool.code, EX_TEMPFAIL);
	snprintf(line, sizeof(line),
		 "bcast-tail: lapped: lost %" PRIu64
		 " bytes, positions 1000 to %" PRIu64 ", going on after them\n",
		 goes_on - 1000, goes_on - 1);
	assert_string_equal(tailed->tool.error.bytes, line);
	assert_int_equal(tailed->tool.out.size, 1000 + tail - goes_on);
	assert_int_equal(test_pattern_check(TOOL_STREAM_SEED, 0,
					    tailed->tool.out.bytes, 1000),
			 -1);
	assert_int_equal(test_pattern_check(TOOL_STREAM_SEED, goes_on,
					    tailed->tool.out.bytes + 1000,
					    tail - goes_on),
			 -1);
}

static void on_loss_stop_ends_at_the_gap(void **state)
{
	struct tailed *tailed = *state;

	lap(tailed, "--from 0 --on-loss stop", 1000);

	assert_int_equal(tailed->tool.code, EX_TEMPFAIL);
	assert_bytes(&tailed->tool, 0, 1000);
	assert_said(&tailed->tool, "lapped: lost ");
}

static void position_that_is_gone_is_told(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, TOOL_STREAM_RING + 1);

	/* position 1 is the oldest byte, 0 is gone */
	assert_int_equal(run(tailed, "--no-follow --from 1"), 0);
	assert_bytes(&tailed->tool, 1, TOOL_STREAM_RING);
	assert_int_equal(run(tailed, "--no-follow --from 0"), EX_TEMPFAIL);
	assert_said(&tailed->tool,
		    "lapped: lost 8193 bytes, positions 0 to 8192,");
	assert_bytes(&tailed->tool, 8193, TOOL_STREAM_RING + 1 - 8193);
}

/* ---- Ends -------------------------------------------------------------- */

static void bytes_ends_at_the_exact_byte(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 1000);

	assert_int_equal(run(tailed, "--from 0 --bytes 0"), 0);
	assert_bytes(&tailed->tool, 0, 0);
	assert_int_equal(run(tailed, "--from 0 --bytes 999"), 0);
	assert_bytes(&tailed->tool, 0, 999);
	assert_int_equal(run(tailed, "--from 0 --bytes 1000"), 0);
	assert_bytes(&tailed->tool, 0, 1000);
	/* one more than there is: it waits, until told not to */
	assert_int_equal(run(tailed, "--from 0 --bytes 1001 --timeout 50ms"),
			 EX_TEMPFAIL);
	assert_bytes(&tailed->tool, 0, 1000);
	close_stream(tailed);
	assert_int_equal(run(tailed, "--from 0 --bytes 1001"), 0);
	assert_bytes(&tailed->tool, 0, 1000);
}

static void bytes_around_a_piece_are_exact(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create_big(&tailed->stream, tailed->name, 4 * PIECE, 1);
	tool_stream_publish(&tailed->stream, 3 * PIECE);

	assert_int_equal(run(tailed, "--from 3 --bytes 262143"), 0);
	assert_bytes(&tailed->tool, 3, PIECE - 1);
	assert_int_equal(run(tailed, "--from 3 --bytes 256K"), 0);
	assert_bytes(&tailed->tool, 3, PIECE);
	assert_int_equal(run(tailed, "--from 3 --bytes 262145"), 0);
	assert_bytes(&tailed->tool, 3, PIECE + 1);
}

static void idle_timeout_alone_is_a_good_end(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 10);

	assert_int_equal(run(tailed, "--from 0 --timeout 50"), 0);
	assert_bytes(&tailed->tool, 0, 10);
	assert_quiet(&tailed->tool);
}

static void dead_daemon_s_bytes_come_out_before_its_end(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_leave_dead(tailed->name, 5000);

	assert_int_equal(run(tailed, "--from oldest"), EX_UNAVAILABLE);
	assert_bytes(&tailed->tool, 0, 5000);
	assert_said(&tailed->tool, "its daemon died at position 5000");
	assert_int_equal(run(tailed, "--no-follow"), 0);
	assert_bytes(&tailed->tool, 0, 5000);
	assert_quiet(&tailed->tool);
}

static void absent_stream_is_told(void **state)
{
	struct tailed *tailed = *state;

	assert_int_equal(run(tailed, ""), EX_UNAVAILABLE);
	assert_said(&tailed->tool, "no stream '");
	assert_int_equal(run(tailed, "--wait=0"), EX_UNAVAILABLE);
	assert_said(&tailed->tool, "no stream '");
}

static void stream_that_was_waited_for_is_read_whole(void **state)
{
	struct tailed *tailed = *state;

	start(tailed, "--wait");
	assert_true(
		run_program_read_error(&tailed->tool, "waiting for stream"));
	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 4321);
	assert_true(run_program_read_out(&tailed->tool, 4321));
	close_stream(tailed);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	assert_bytes(&tailed->tool, 0, 4321);
}

/* ---- Standard output --------------------------------------------------- */

static void closed_pipe_ends_an_idle_reader(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 100);
	start(tailed, "--from 0");
	assert_true(run_program_read_out(&tailed->tool, 100));

	run_program_deafen(&tailed->tool);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	assert_quiet(&tailed->tool);
}

static void closed_pipe_ends_a_writing_reader(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create_big(&tailed->stream, tailed->name, 4 * PIECE, 1);
	tool_stream_publish(&tailed->stream, 4 * PIECE);
	start(tailed, "--from 0");
	assert_true(run_program_read_out(&tailed->tool, 1));

	run_program_deafen(&tailed->tool);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	assert_quiet(&tailed->tool);
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
	assert_said(&tailed->tool, "standard output: No space left");
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
	tool_stream_create_big(&tailed->stream, tailed->name, 4 * PIECE, 1);
	tool_stream_publish(&tailed->stream, 4 * PIECE);

	assert_int_equal(run_program(&tailed->tool, argv), 0);
	assert_bytes(&tailed->tool, 0, 4 * (size_t)PIECE);
	assert_quiet(&tailed->tool);
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
	start(tailed, "--from 0 --stats");
	for (uint64_t i = 1; i <= 20; i++) {
		assert_true(run_program_read_out(&tailed->tool, i * 10));
		tool_stream_publish(&tailed->stream, 10);
	}
	close_stream(tailed);

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

	lap(tailed, "--from 0 --stats", 1000);

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
	start(tailed, "--from 0 --stats");
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

	tool_stream_create_big(&tailed->stream, tailed->name, 4 * PIECE, 1);
	tool_stream_publish(&tailed->stream, 4 * PIECE);
	start(tailed, "--from 0 --stats");
	/* the pipe is full now, or will be when the signal comes */
	assert_true(run_program_read_out(&tailed->tool, 1));

	assert_int_equal(kill(tailed->tool.pid, SIGINT), 0);

	assert_int_equal(run_program_wait(&tailed->tool),
			 RUN_PROGRAM_SIGNAL(SIGINT));
	assert_int_equal(stat_of(tool, "position"), tool->out.size);
	assert_bytes(tool, 0, tool->out.size);
}

/* ---- Command line ------------------------------------------------------ */

static void wrong_command_lines_end_with_64(void **state)
{
	static const char *const wrong[] = {
		"--nonsense",
		"--from yesterday",
		"--from -1",
		"--from 18446744073709551616",
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

		if (run(tailed, wrong[i]) != EX_USAGE)
			fail_msg("'%s' ended with %d", wrong[i],
				 tailed->tool.code);
		assert_said(&tailed->tool, "bcast-tail: ");
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
	close_stream(tailed);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		if (run(tailed, right[i]) != 0)
			fail_msg("'%s' ended with %d", right[i],
				 tailed->tool.code);
}

static void name_is_required(void **state)
{
	const char *const argv[] = {TOOL, NULL};
	struct tailed *tailed = *state;

	assert_int_equal(run_program(&tailed->tool, argv), EX_USAGE);
	assert_said(&tailed->tool, "which stream?");
}

static void help_and_manual_agree(void **state)
{
	(void)state;
	manual_agrees(TOOL, MANUAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_of_many_laps_is_copied),
		TEST(two_readers_get_the_same),
		TEST(oldest_is_all_that_the_ring_holds),
		TEST(no_follow_starts_at_the_oldest),
		TEST(position_is_exact_up_to_the_tail),
		TEST(live_starts_with_what_comes_next),
		TEST(lapped_reader_tells_exactly_what_is_missing),
		TEST(on_loss_stop_ends_at_the_gap),
		TEST(position_that_is_gone_is_told),
		TEST(bytes_ends_at_the_exact_byte),
		TEST(bytes_around_a_piece_are_exact),
		TEST(idle_timeout_alone_is_a_good_end),
		TEST(dead_daemon_s_bytes_come_out_before_its_end),
		TEST(absent_stream_is_told),
		TEST(stream_that_was_waited_for_is_read_whole),
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
		TEST(help_and_manual_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
