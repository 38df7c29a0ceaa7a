/* SPDX-License-Identifier: MIT */
/*
 * test_tail.c - the real bcast-tail: which bytes come out, in which order, and
 * what is said about those that do not.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "shm/notify.h"
#include "tailed.h"

/* ---- All bytes --------------------------------------------------------- */

static void every_byte_of_many_laps_is_copied(void **state)
{
	const uint64_t total = 16 * TOOL_STREAM_RING + 13;
	struct tailed *tailed = *state;
	uint64_t published = 1000;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, published);
	tailed_start(tailed, "--from 0");
	while (published < total) {
		uint64_t n =
			total - published < 7777 ? total - published : 7777;

		/* at the reader's pace: it never lags by more than this */
		assert_true(run_program_read_out(&tailed->tool, published));
		tool_stream_publish(&tailed->stream, n);
		published += n;
	}
	tailed_close(tailed);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	tailed_assert_bytes(&tailed->tool, 0, total);
	tailed_assert_quiet(&tailed->tool);
}

static void two_readers_get_the_same(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 10);
	tailed_start(tailed, "--from 0");
	tailed_start_as(&tailed->second, tailed->name, "--from 0 --spin 100");
	assert_true(run_program_read_out(&tailed->tool, 10));
	assert_true(run_program_read_out(&tailed->second, 10));
	tool_stream_publish(&tailed->stream, 50000);
	tailed_close(tailed);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	assert_int_equal(run_program_wait(&tailed->second), 0);
	tailed_assert_bytes(&tailed->tool, 0, 50010);
	tailed_assert_bytes(&tailed->second, 0, 50010);
}

/* ---- Where to start ---------------------------------------------------- */

static void oldest_is_all_that_the_ring_holds(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 3 * TOOL_STREAM_RING + 5);

	assert_int_equal(tailed_run(tailed, "--from oldest --no-follow"), 0);
	tailed_assert_bytes(&tailed->tool, 2 * TOOL_STREAM_RING + 5,
			    TOOL_STREAM_RING);
	tailed_assert_quiet(&tailed->tool);
}

static void no_follow_starts_at_the_oldest(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 500);

	assert_int_equal(tailed_run(tailed, "--no-follow"), 0);
	tailed_assert_bytes(&tailed->tool, 0, 500);
	assert_int_equal(tailed_run(tailed, "--no-follow --from live"), 0);
	tailed_assert_bytes(&tailed->tool, 500, 0);
}

static void position_is_exact_up_to_the_tail(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 1000);

	assert_int_equal(tailed_run(tailed, "--no-follow --from 999"), 0);
	tailed_assert_bytes(&tailed->tool, 999, 1);
	assert_int_equal(tailed_run(tailed, "--no-follow --from 1000"), 0);
	tailed_assert_bytes(&tailed->tool, 1000, 0);
	assert_int_equal(tailed_run(tailed, "--no-follow --from 1001"),
			 EX_USAGE);
	tailed_assert_bytes(&tailed->tool, 1001, 0);
	tailed_assert_said(&tailed->tool, "position 1001 is beyond the tail");
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
	tailed_start(tailed, "--bytes 100");
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

static void lapped_reader_tells_exactly_what_is_missing(void **state)
{
	const uint64_t tail = 1000 + 3 * TOOL_STREAM_RING;
	/* the library goes on an eighth of the ring after the oldest byte */
	const uint64_t goes_on = tail - TOOL_STREAM_RING * 7 / 8;
	struct tailed *tailed = *state;
	char line[128];

	tailed_lap(tailed, "--from 0", 1000);

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

	tailed_lap(tailed, "--from 0 --on-loss stop", 1000);

	assert_int_equal(tailed->tool.code, EX_TEMPFAIL);
	tailed_assert_bytes(&tailed->tool, 0, 1000);
	tailed_assert_said(&tailed->tool, "lapped: lost ");
}

static bool sleeps(void *argument)
{
	struct tailed *tailed = argument;

	return bc_notify_wake(&tailed->stream.ring.head->publish_count) > 0;
}

/* Even if not a byte has come out yet: it had a place, and was pushed off. */
static void idle_reader_from_oldest_is_told_as_well(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tailed_start(tailed, "--from oldest");
	assert_true(test_within(DEADLINE_MS, sleeps, tailed));
	tailed_stop(&tailed->tool);
	tool_stream_publish(&tailed->stream, 2 * TOOL_STREAM_RING);
	tailed_close(tailed);
	assert_int_equal(kill(tailed->tool.pid, SIGCONT), 0);

	assert_int_equal(run_program_wait(&tailed->tool), EX_TEMPFAIL);
	tailed_assert_said(&tailed->tool,
			   "lapped: lost 73728 bytes, positions 0 to 73727,");
	tailed_assert_bytes(&tailed->tool, 73728, 2 * TOOL_STREAM_RING - 73728);
}

static void position_that_is_gone_is_told(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, TOOL_STREAM_RING + 1);

	/* position 1 is the oldest byte, 0 is gone */
	assert_int_equal(tailed_run(tailed, "--no-follow --from 1"), 0);
	tailed_assert_bytes(&tailed->tool, 1, TOOL_STREAM_RING);
	assert_int_equal(tailed_run(tailed, "--no-follow --from 0"),
			 EX_TEMPFAIL);
	tailed_assert_said(&tailed->tool,
			   "lapped: lost 8193 bytes, positions 0 to 8192,");
	tailed_assert_bytes(&tailed->tool, 8193, TOOL_STREAM_RING + 1 - 8193);
}

/* ---- Ends -------------------------------------------------------------- */

static void bytes_ends_at_the_exact_byte(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 1000);

	assert_int_equal(tailed_run(tailed, "--from 0 --bytes 0"), 0);
	tailed_assert_bytes(&tailed->tool, 0, 0);
	assert_int_equal(tailed_run(tailed, "--from 0 --bytes 999"), 0);
	tailed_assert_bytes(&tailed->tool, 0, 999);
	assert_int_equal(tailed_run(tailed, "--from 0 --bytes 1000"), 0);
	tailed_assert_bytes(&tailed->tool, 0, 1000);
	/* one more than there is: it waits, until told not to */
	assert_int_equal(
		tailed_run(tailed, "--from 0 --bytes 1001 --timeout 50ms"),
		EX_TEMPFAIL);
	tailed_assert_bytes(&tailed->tool, 0, 1000);
	tailed_close(tailed);
	assert_int_equal(tailed_run(tailed, "--from 0 --bytes 1001"), 0);
	tailed_assert_bytes(&tailed->tool, 0, 1000);
}

static void bytes_around_a_piece_are_exact(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create_big(&tailed->stream, tailed->name, 4 * TAILED_PIECE,
			       1);
	tool_stream_publish(&tailed->stream, 3 * TAILED_PIECE);

	assert_int_equal(tailed_run(tailed, "--from 3 --bytes 262143"), 0);
	tailed_assert_bytes(&tailed->tool, 3, TAILED_PIECE - 1);
	assert_int_equal(tailed_run(tailed, "--from 3 --bytes 256K"), 0);
	tailed_assert_bytes(&tailed->tool, 3, TAILED_PIECE);
	assert_int_equal(tailed_run(tailed, "--from 3 --bytes 262145"), 0);
	tailed_assert_bytes(&tailed->tool, 3, TAILED_PIECE + 1);
}

static void idle_timeout_alone_is_a_good_end(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 10);

	assert_int_equal(tailed_run(tailed, "--from 0 --timeout 50"), 0);
	tailed_assert_bytes(&tailed->tool, 0, 10);
	tailed_assert_quiet(&tailed->tool);
}

static void dead_daemon_s_bytes_come_out_before_its_end(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_leave_dead(tailed->name, 5000);

	assert_int_equal(tailed_run(tailed, "--from oldest"), EX_UNAVAILABLE);
	tailed_assert_bytes(&tailed->tool, 0, 5000);
	tailed_assert_said(&tailed->tool, "its daemon died at position 5000");
	assert_int_equal(tailed_run(tailed, "--no-follow"), 0);
	tailed_assert_bytes(&tailed->tool, 0, 5000);
	tailed_assert_quiet(&tailed->tool);
}

static void damaged_segment_ends_it(void **state)
{
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 100);
	tailed_start(tailed, "--from 0");
	assert_true(run_program_read_out(&tailed->tool, 100));

	/* a tail that goes back */
	tailed->stream.ring.head->tail = 5;

	assert_int_equal(run_program_wait(&tailed->tool), EX_PROTOCOL);
	tailed_assert_bytes(&tailed->tool, 0, 100);
	tailed_assert_said(&tailed->tool, "damaged");
}

static void absent_stream_is_told(void **state)
{
	struct tailed *tailed = *state;

	assert_int_equal(tailed_run(tailed, ""), EX_UNAVAILABLE);
	tailed_assert_said(&tailed->tool, "no stream '");
	assert_int_equal(tailed_run(tailed, "--wait=0"), EX_UNAVAILABLE);
	tailed_assert_said(&tailed->tool, "no stream '");
}

static void stream_that_was_waited_for_is_read_whole(void **state)
{
	struct tailed *tailed = *state;

	tailed_start(tailed, "--wait");
	assert_true(
		run_program_read_error(&tailed->tool, "waiting for stream"));
	tool_stream_create(&tailed->stream, tailed->name);
	tool_stream_publish(&tailed->stream, 4321);
	assert_true(run_program_read_out(&tailed->tool, 4321));
	tailed_close(tailed);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	tailed_assert_bytes(&tailed->tool, 0, 4321);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, tailed_set_up, tailed_tear_down)

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
		TEST(idle_reader_from_oldest_is_told_as_well),
		TEST(position_that_is_gone_is_told),
		TEST(bytes_ends_at_the_exact_byte),
		TEST(bytes_around_a_piece_are_exact),
		TEST(idle_timeout_alone_is_a_good_end),
		TEST(dead_daemon_s_bytes_come_out_before_its_end),
		TEST(damaged_segment_ends_it),
		TEST(absent_stream_is_told),
		TEST(stream_that_was_waited_for_is_read_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
