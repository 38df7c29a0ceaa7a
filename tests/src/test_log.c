/* SPDX-License-Identifier: MIT */
/*
 * test_log.c - what lands on standard error, byte by byte.
 *
 * Standard error is replaced by a pipe around the calls, and put back before
 * anything is asserted, since cmocka writes there too.
 */
#include "src/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct capture {
	int saved; /* the real standard error */
	int reader;
	char text[32768];
};

static int begin(void **state)
{
	struct capture *capture;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	capture = calloc(1, sizeof(*capture));
	assert_non_null(capture);
	capture->reader = ends[0];
	capture->saved = dup(STDERR_FILENO);
	(void)dup2(ends[1], STDERR_FILENO);
	(void)close(ends[1]);
	(void)fcntl(capture->reader, F_SETFL, O_NONBLOCK);
	(void)fcntl(STDERR_FILENO, F_SETPIPE_SZ, 16384);
	log_open(LOG_LEVEL_INFO);
	*state = capture;
	return 0;
}

static void restore(struct capture *capture)
{
	if (capture->saved < 0)
		return;
	(void)dup2(capture->saved, STDERR_FILENO);
	(void)close(capture->saved);
	capture->saved = -1;
}

static int end(void **state)
{
	struct capture *capture = *state;

	restore(capture);
	if (capture->reader >= 0)
		(void)close(capture->reader);
	free(capture);
	return 0;
}

/* Take what is in the pipe now. */
static const char *take(struct capture *capture)
{
	ssize_t got =
		read(capture->reader, capture->text, sizeof(capture->text) - 1);

	capture->text[got > 0 ? got : 0] = '\0';
	return capture->text;
}

static void an_event_is_one_line(void **state)
{
	struct capture *capture = *state;

	log_event(LOG_LEVEL_INFO, "listening", "addr=%s role=%s",
		  "127.0.0.1:40123", "any");
	log_event(LOG_LEVEL_ERROR, "stopped", NULL);
	take(capture);
	restore(capture);

	assert_string_equal(capture->text,
			    "info listening addr=127.0.0.1:40123 role=any\n"
			    "error stopped\n");
}

static void events_above_the_level_are_not_written(void **state)
{
	struct capture *capture = *state;

	log_open(LOG_LEVEL_WARN);
	log_event(LOG_LEVEL_DEBUG, "a", NULL);
	log_event(LOG_LEVEL_INFO, "b", NULL);
	log_event(LOG_LEVEL_WARN, "c", NULL);
	log_event(LOG_LEVEL_ERROR, "d", NULL);
	log_open(LOG_LEVEL_DEBUG);
	log_event(LOG_LEVEL_DEBUG, "e", NULL);
	take(capture);
	restore(capture);

	assert_string_equal(capture->text, "warn c\nerror d\ndebug e\n");
}

static void control_bytes_cannot_forge_a_line(void **state)
{
	struct capture *capture = *state;

	log_event(LOG_LEVEL_INFO, "x", "a=%s", "1\ninfo y\t\x1b[2J\r\x7f\xff");
	take(capture);
	restore(capture);

	assert_string_equal(capture->text,
			    "info x a=1\\ninfo y\\t\\x1B[2J\\x0D\\x7F\\xFF\n");
}

/* Log a line of `length` bytes, newline included, and say how many came. */
static size_t logged_length(struct capture *capture, int length)
{
	/* "info x " and the newline are 8 */
	log_event(LOG_LEVEL_INFO, "x", "%0*d", length - 8, 0);
	return strlen(take(capture));
}

static void lines_are_cut_beyond_1024_bytes(void **state)
{
	struct capture *capture = *state;
	size_t length[3];
	bool cut[3];

	for (int i = 0; i < 3; i++) {
		length[i] = logged_length(capture, LOG_LINE_MAX - 1 + i);
		cut[i] = strstr(capture->text, "...\n") != NULL;
	}
	restore(capture);

	assert_int_equal(length[0], LOG_LINE_MAX - 1);
	assert_int_equal(length[1], LOG_LINE_MAX);
	assert_int_equal(length[2], LOG_LINE_MAX);
	assert_false(cut[0]);
	assert_false(cut[1]);
	assert_true(cut[2]);
}

static void escapes_do_not_overrun_the_line(void **state)
{
	struct capture *capture = *state;
	char noise[2 * LOG_LINE_MAX];

	memset(noise, '\x01', sizeof(noise) - 1);
	noise[sizeof(noise) - 1] = '\0';
	for (size_t skip = 0; skip < 8; skip++) {
		log_event(LOG_LEVEL_INFO, "x", "%.*s%s", (int)skip, "yyyyyyyy",
			  noise);
		take(capture);
		if (strlen(capture->text) > LOG_LINE_MAX ||
		    strstr(capture->text, "...\n") == NULL)
			break;
	}
	restore(capture);

	assert_in_range(strlen(capture->text), LOG_LINE_MAX - 4, LOG_LINE_MAX);
	assert_non_null(strstr(capture->text, "\\x01...\n"));
}

static void a_full_pipe_drops_lines_and_says_how_many(void **state)
{
	struct capture *capture = *state;
	int written = 0;

	/* Fill the pipe to the brim; a blocking write here would hang. */
	(void)fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	while (write(STDERR_FILENO, "x", 1) == 1)
		written++;
	(void)fcntl(STDERR_FILENO, F_SETFL, 0);
	for (int i = 0; i < 3; i++)
		log_event(LOG_LEVEL_INFO, "lost", NULL);
	take(capture);
	log_event(LOG_LEVEL_INFO, "back", NULL);
	log_event(LOG_LEVEL_INFO, "on", NULL);
	take(capture);
	restore(capture);

	assert_true(written >= 16384);
	assert_string_equal(capture->text,
			    "warn log_dropped count=3\ninfo back\ninfo on\n");
}

static void a_pipe_without_a_reader_kills_nobody(void **state)
{
	struct capture *capture = *state;
	int ends[2];

	(void)close(capture->reader);
	capture->reader = -1;
	(void)signal(SIGPIPE, SIG_DFL);
	log_event(LOG_LEVEL_INFO, "lost", NULL);
	/* Report the loss here and not in the next test. */
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	(void)dup2(ends[1], STDERR_FILENO);
	(void)close(ends[1]);
	capture->reader = ends[0];
	log_event(LOG_LEVEL_INFO, "back", NULL);
	take(capture);
	restore(capture);

	assert_string_equal(capture->text,
			    "warn log_dropped count=1\ninfo back\n");
}

static void errno_is_left_alone(void **state)
{
	struct capture *capture = *state;
	int after;

	(void)close(capture->reader);
	capture->reader = -1;
	errno = ENOSPC;
	log_event(LOG_LEVEL_INFO, "x", NULL);
	after = errno;
	restore(capture);

	assert_int_equal(after, ENOSPC);
}

static void words_stay_bare_and_the_rest_is_quoted(void **state)
{
	char buffer[64];

	(void)state;
#define QUOTED(value) log_quote(value, buffer, sizeof(buffer))
	assert_string_equal(QUOTED("word"), "word");
	assert_string_equal(QUOTED("10.0.0.2:4100"), "10.0.0.2:4100");
	assert_string_equal(QUOTED(""), "\"\"");
	assert_string_equal(QUOTED(NULL), "\"\"");
	assert_string_equal(QUOTED("two words"), "\"two words\"");
	assert_string_equal(QUOTED("a=b"), "\"a=b\"");
	assert_string_equal(QUOTED("say \"no\""), "\"say \\\"no\\\"\"");
	assert_string_equal(QUOTED("back\\slash"), "\"back\\\\slash\"");
	assert_string_equal(QUOTED("a\nb\tc\x01\x80"),
			    "\"a\\nb\\tc\\x01\\x80\"");
#undef QUOTED
}

/* Every length of text against every size of buffer, with a guard behind. */
static void quoting_keeps_to_its_buffer(void **state)
{
	static const char *const fills[] = {"a", " ", "\"", "\x01"};
	char buffer[48];
	char value[48];

	(void)state;
	for (size_t fill = 0; fill < 4; fill++) {
		for (size_t n = 0; n < 40; n++) {
			memset(value, fills[fill][0], n);
			value[n] = '\0';
			for (size_t size = 8; size < 40; size++) {
				memset(buffer, '#', sizeof(buffer));
				log_quote(value, buffer, size);
				assert_in_range(strlen(buffer), 1, size - 1);
				assert_int_equal(buffer[size], '#');
			}
		}
	}
}

static void what_does_not_fit_is_cut_visibly(void **state)
{
	char buffer[16];

	(void)state;
	assert_string_equal(log_quote("exactly15chars_", buffer, 16),
			    "exactly15chars_");
	assert_string_equal(log_quote("exactly_16_chars", buffer, 16),
			    "\"exactly_16...\"");
	assert_string_equal(log_quote("with a spac x", buffer, 16),
			    "\"with a spac x\"");
	assert_string_equal(log_quote("with a space x", buffer, 16),
			    "\"with a spa...\"");
}

int main(void)
{
#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		WITH_PIPE(an_event_is_one_line),
		WITH_PIPE(events_above_the_level_are_not_written),
		WITH_PIPE(control_bytes_cannot_forge_a_line),
		WITH_PIPE(lines_are_cut_beyond_1024_bytes),
		WITH_PIPE(escapes_do_not_overrun_the_line),
		WITH_PIPE(a_full_pipe_drops_lines_and_says_how_many),
		WITH_PIPE(a_pipe_without_a_reader_kills_nobody),
		cmocka_unit_test(words_stay_bare_and_the_rest_is_quoted),
		cmocka_unit_test(quoting_keeps_to_its_buffer),
		cmocka_unit_test(what_does_not_fit_is_cut_visibly),
		/* Leaves a dropped line behind, so it comes last. */
		WITH_PIPE(errno_is_left_alone),
	};

	return cmocka_run_group_tests_name("src/log", tests, NULL, NULL);
}
