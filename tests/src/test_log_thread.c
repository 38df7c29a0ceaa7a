/* SPDX-License-Identifier: MIT */
/*
 * The log with its thread: nobody who logs waits, nothing is lost without being
 * counted, and it ends in time whoever reads. Standard error is a pipe of ours,
 * and is put back before anything is asserted.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#include "src/log.h"
#include "src/log_ring.h"

#define TEXT_MAX (2u << 20)

static struct log_options options;
static char *text;
static size_t used;
static int reader, saved;

static int set_up(void **state)
{
	int ends[2];

	(void)state;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	reader = ends[0];
	(void)fcntl(reader, F_SETFL, O_NONBLOCK);
	(void)fcntl(reader, F_SETPIPE_SZ, 16384);
	saved = dup(STDERR_FILENO);
	(void)dup2(ends[1], STDERR_FILENO);
	(void)close(ends[1]);
	options = (struct log_options){.level = LOG_LEVEL_INFO, .file = ""};
	text = calloc(1, TEXT_MAX);
	used = 0;
	return text ? 0 : -1;
}

static void restore(void)
{
	if (saved < 0)
		return;
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	saved = -1;
}

static int tear_down(void **state)
{
	(void)state;
	log_stop();
	restore();
	(void)close(reader);
	free(text);
	return 0;
}

/* All that has come so far. */
static const char *take(void)
{
	ssize_t n;

	while (used < TEXT_MAX - 1 &&
	       (n = read(reader, text + used, TEXT_MAX - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	return text;
}

static bool has_come(void *what)
{
	const char *const *words = what;

	return strstr(take(), *words) != NULL;
}

static void await(const char *words)
{
	(void)test_within(DEADLINE_MS, has_come, &words);
}

static unsigned count(const char *what)
{
	unsigned times = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		times++;
	return times;
}

static void lines_come_in_order_and_all_at_the_end(void **state)
{
	char expected[64];
	const char *at;

	(void)state;
	assert_int_equal(log_start(&options), 0);
	for (int i = 0; i < 50; i++)
		log_event(LOG_LEVEL_INFO, "line", "n=%d", i);
	log_event(LOG_LEVEL_DEBUG, "line", "n=99");
	log_stop();
	at = take();
	restore();

	for (int i = 0; i < 50; i++) {
		snprintf(expected, sizeof(expected), "info line n=%d\n", i);
		assert_memory_equal(at, expected, strlen(expected));
		at += strlen(expected);
	}
	assert_int_equal(*at, '\0');
}

static void json_is_written_with_the_time(void **state)
{
	(void)state;
	options.format = LOG_FORMAT_JSON;
	assert_int_equal(log_start(&options), 0);
	log_event(LOG_LEVEL_WARN, "line", "n=%d", 7);
	log_stop();
	(void)take();
	restore();

	assert_int_equal(strncmp(text, "{\"time\":\"20", 11), 0);
	assert_non_null(strstr(text, "\",\"level\":\"warn\",\"event\":\"line\","
				     "\"n\":7}\n"));
}

static unsigned written_or_counted(void)
{
	unsigned lines = count("info line ");

	for (const char *at = text; (at = strstr(at, "log_dropped count="));)
		lines +=
			(unsigned)strtoul((at = strchr(at, '=') + 1), NULL, 10);
	return lines;
}

static bool all_are_told(void *lines)
{
	(void)take();
	return written_or_counted() >= *(const unsigned *)lines;
}

/* 16 KiB fit in the pipe, and LOG_RING_SLOTS lines in memory. */
static void blocked_pipe_stops_nobody_and_is_counted(void **state)
{
	unsigned lines = 8 * LOG_RING_SLOTS;
	uint64_t began_ms, took_ms;

	(void)state;
	assert_int_equal(log_start(&options), 0);
	began_ms = test_now_ms();
	for (unsigned i = 0; i < lines; i++)
		log_event(LOG_LEVEL_INFO, "line", "n=%u", i);
	took_ms = test_now_ms() - began_ms;
	(void)test_within(DEADLINE_MS, all_are_told, &lines);
	restore();

	assert_true(took_ms < 2000);
	assert_true(count("info line ") >= LOG_RING_SLOTS);
	assert_true(count("log_dropped") >= 1);
	assert_int_equal(written_or_counted(), lines);
}

static void fill_the_pipe(void)
{
	(void)fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	while (write(STDERR_FILENO, "x", 1) == 1)
		;
	(void)fcntl(STDERR_FILENO, F_SETFL, 0);
}

static void stop_waits_a_moment_for_who_does_not_read(void **state)
{
	uint64_t began_ms, took_ms;

	(void)state;
	fill_the_pipe();
	assert_int_equal(log_start(&options), 0);
	for (unsigned i = 0; i < 2 * LOG_RING_SLOTS; i++)
		log_event(LOG_LEVEL_INFO, "line", NULL);
	began_ms = test_now_ms();
	log_stop();
	took_ms = test_now_ms() - began_ms;
	restore();

	assert_in_range(took_ms, LOG_STOP_MS - 1, LOG_STOP_MS + 2000);
}

static void pipe_without_a_reader_ends_at_once(void **state)
{
	uint64_t began_ms, took_ms;

	(void)state;
	(void)close(reader);
	(void)signal(SIGPIPE, SIG_DFL);
	assert_int_equal(log_start(&options), 0);
	for (unsigned i = 0; i < LOG_RING_SLOTS; i++)
		log_event(LOG_LEVEL_INFO, "line", NULL);
	began_ms = test_now_ms();
	log_stop();
	took_ms = test_now_ms() - began_ms;
	restore();
	reader = -1;

	assert_true(took_ms < LOG_STOP_MS);
}

static void flood_is_a_few_lines_and_a_count(void **state)
{
	unsigned left_out = 0, written;
	const char *at;

	(void)state;
	options.rate = 5;
	assert_int_equal(log_start(&options), 0);
	for (int i = 0; i < 10000; i++)
		log_event(LOG_LEVEL_WARN, "flood", "n=%d", i);
	log_event(LOG_LEVEL_WARN, "other", NULL);
	/* by itself, when the second is over */
	await("warn flood suppressed=");
	log_stop();
	(void)take();
	restore();

	assert_non_null(strstr(text, "warn other\n"));
	written = count("warn flood n=");
	for (at = text; (at = strstr(at, "suppressed=")); at++)
		left_out += (unsigned)strtoul(strchr(at, '=') + 1, NULL, 10);
	assert_int_equal(written + left_out, 10000);
	/* five a second, for as long as that took */
	assert_in_range(written, 5, 50);
}

static void end_tells_what_was_left_out(void **state)
{
	(void)state;
	options.rate = 1;
	assert_int_equal(log_start(&options), 0);
	for (int i = 0; i < 100; i++)
		log_event(LOG_LEVEL_INFO, "flood", NULL);
	log_stop();
	(void)take();
	restore();

	assert_non_null(strstr(text, "info flood suppressed="));
}

static void *log_some(void *unused)
{
	for (int i = 0; i < 300; i++)
		log_event(i % 8 ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "thread",
			  "reason=\"some reason\" n=%d", i);
	return unused;
}

static void threads_may_log_at_once(void **state)
{
	pthread_t threads[4];
	unsigned lines;

	(void)state;
	(void)fcntl(reader, F_SETPIPE_SZ, 1 << 20);
	assert_int_equal(log_start(&options), 0);
	for (int i = 0; i < 4; i++)
		(void)pthread_create(&threads[i], NULL, log_some, NULL);
	for (int i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
	log_stop();
	(void)take();
	restore();

	lines = count(" thread reason=\"some reason\" n=");
	for (const char *at = text; (at = strstr(at, "count=")); at++)
		lines += (unsigned)strtoul(at + 6, NULL, 10);
	assert_int_equal(lines, 4 * 300);
}

/* In a child: the end is real. */
static int end_of(void (*function)(void))
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		const struct rlimit none = {0};

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)log_start(&options);
		for (int i = 0; i < 100; i++)
			log_event(LOG_LEVEL_INFO, "before", "n=%d", i);
		function();
		_exit(0);
	}
	(void)waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void end_by_abort(void)
{
	abort();
}

static void last_words_are_written_when_it_aborts(void **state)
{
	int signal_number;

	(void)state;
	(void)fcntl(reader, F_SETPIPE_SZ, 1 << 20);
	signal_number = end_of(end_by_abort);
	(void)take();
	restore();

	assert_int_equal(signal_number, SIGABRT);
	assert_non_null(strstr(text, "info before n=99\n"));
}

static void death_waits_for_nobody_who_does_not_read(void **state)
{
	uint64_t began_ms = test_now_ms();
	int signal_number;

	(void)state;
	fill_the_pipe();
	signal_number = end_of(end_by_abort);
	restore();

	assert_int_equal(signal_number, SIGABRT);
	assert_true(test_now_ms() - began_ms < 5000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(lines_come_in_order_and_all_at_the_end),
		TEST(json_is_written_with_the_time),
		TEST(blocked_pipe_stops_nobody_and_is_counted),
		TEST(stop_waits_a_moment_for_who_does_not_read),
		TEST(pipe_without_a_reader_ends_at_once),
		TEST(flood_is_a_few_lines_and_a_count),
		TEST(end_tells_what_was_left_out),
		TEST(threads_may_log_at_once),
		TEST(last_words_are_written_when_it_aborts),
		TEST(death_waits_for_nobody_who_does_not_read),
	};

	return cmocka_run_group_tests_name("src/log_thread", tests, NULL, NULL);
}
