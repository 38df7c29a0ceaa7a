/* SPDX-License-Identifier: MIT */
/*
 * Where lines end: files of all kinds, and standard error, which is a pipe of
 * ours here and is put back before anything is asserted.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#include "src/log_sink.h"

static struct log_sink sink;
static char directory[64], path[96], text[65536];
static int reader, saved;

static int set_up(void **state)
{
	int ends[2];

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/bcast-log-XXXXXX");
	if (!mkdtemp(directory) || pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/log", directory);
	reader = ends[0];
	(void)fcntl(reader, F_SETFL, O_NONBLOCK);
	saved = dup(STDERR_FILENO);
	(void)dup2(ends[1], STDERR_FILENO);
	(void)close(ends[1]);
	return 0;
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
	static const char *const suffixes[] = {"",   ".1", ".2", ".3",
					       ".4", "/x", ""};
	char name[128];

	(void)state;
	restore();
	log_sink_close(&sink);
	(void)close(reader);
	for (unsigned i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		if (unlink(name) < 0)
			(void)rmdir(name);
	}
	return rmdir(directory);
}

static void start(const char *file, uint64_t rotate_bytes, uint32_t keep)
{
	const struct log_options options = {.file = file,
					    .time = LOG_TIME_OFF,
					    .rotate_bytes = rotate_bytes,
					    .keep = keep};

	log_sink_open(&sink, &options);
}

static bool log_line(const char *event)
{
	struct log_record record;

	log_line_make(&record, LOG_LEVEL_INFO, event, NULL);
	return log_sink_write(&sink, &record);
}

/* What stands in FILE or FILE.suffix; "" if there is none. */
static const char *content(const char *suffix)
{
	char name[128];
	ssize_t n = -1;
	int fd;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const char *on_error_output(void)
{
	ssize_t n = read(reader, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* ---- A file ------------------------------------------------------------ */

static void lines_are_added_to_the_file(void **state)
{
	struct stat status;

	(void)state;
	start(path, 0, 0);
	assert_true(log_line("a"));
	log_sink_close(&sink);
	start(path, 0, 0);
	assert_true(log_line("b"));

	assert_string_equal(content(""), "info a\ninfo b\n");
	assert_string_equal(on_error_output(), "");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0137, 0);
}

static void time_is_in_a_file_by_itself(void **state)
{
	const struct log_options options = {.file = path};

	(void)state;
	log_sink_open(&sink, &options);
	assert_true(log_line("a"));

	(void)content("");
	assert_int_equal(strncmp(text, "time=20", 7), 0);
	assert_non_null(strstr(text, "Z info a\n"));
}

/* "info a\n" is 7 bytes. */
static void file_never_becomes_larger_than_asked(void **state)
{
	(void)state;
	for (uint64_t limit = 20; limit <= 22; limit++) {
		(void)unlink(path);
		start(path, limit, 1);
		for (int i = 0; i < 3; i++)
			assert_true(log_line("a"));
		assert_int_equal(strlen(content("")), limit < 21 ? 7 : 21);
		log_sink_close(&sink);
	}
}

static void old_files_move_up_and_the_oldest_goes(void **state)
{
	static const char *const events[] = {"a", "b", "c", "d"};

	(void)state;
	start(path, 7, 2);
	for (int i = 0; i < 4; i++)
		assert_true(log_line(events[i]));

	assert_string_equal(content(""), "info d\n");
	assert_string_equal(content(".1"), "info c\n");
	assert_string_equal(content(".2"), "info b\n");
	assert_string_equal(content(".3"), "");
}

static void none_kept_begins_anew(void **state)
{
	(void)state;
	start(path, 7, 0);
	assert_true(log_line("a"));
	assert_true(log_line("b"));

	assert_string_equal(content(""), "info b\n");
	assert_string_equal(content(".1"), "");
}

static void line_longer_than_the_limit_is_whole(void **state)
{
	(void)state;
	start(path, 3, 1);
	assert_true(log_line("a"));
	assert_true(log_line("b"));

	assert_string_equal(content(""), "info b\n");
	assert_string_equal(content(".1"), "info a\n");
}

static void reopened_file_is_a_new_one_if_moved(void **state)
{
	char moved[128];

	(void)state;
	snprintf(moved, sizeof(moved), "%s.1", path);
	start(path, 0, 0);
	assert_true(log_line("a"));
	assert_int_equal(rename(path, moved), 0);
	assert_true(log_line("b"));

	log_sink_reopen(&sink);
	assert_true(log_line("c"));

	assert_string_equal(content(".1"), "info a\ninfo b\n");
	(void)content("");
	assert_non_null(strstr(text, "info log_file_reopened path="));
	assert_non_null(strstr(text, "\ninfo c\n"));
}

/* ---- Trouble ----------------------------------------------------------- */

static void full_disk_goes_to_error_output(void **state)
{
	unsigned times = 0;

	(void)state;
	start("/dev/full", 0, 0);
	for (int i = 0; i < 3; i++)
		assert_true(log_line("a"));
	(void)on_error_output();
	restore();

	for (const char *at = text; (at = strstr(at, "log_file_failed")); at++)
		times++;
	assert_int_equal(times, 1);
	assert_non_null(strstr(text, "warn log_file_failed path=/dev/full "
				     "reason=write error=\"No space left"));
	assert_non_null(strstr(text, "\ninfo a\ninfo a\ninfo a\n"));
}

static bool is_back(void *argument)
{
	(void)argument;
	(void)log_line("again");
	return strstr(content(""), "log_file_back") != NULL;
}

static void file_is_tried_until_it_works(void **state)
{
	(void)state;
	/* a directory stands in its place */
	assert_int_equal(mkdir(path, 0700), 0);
	start(path, 0, 0);
	assert_true(log_line("a"));
	(void)on_error_output();
	assert_non_null(strstr(text, "reason=open error=\"Is a directory\""));
	assert_non_null(strstr(text, "\ninfo a\n"));

	assert_int_equal(rmdir(path), 0);
	assert_true(test_within(DEADLINE_MS, is_back, NULL));

	assert_int_equal(strncmp(content(""), "info log_file_back path=", 24),
			 0);
	assert_non_null(strstr(text, " elsewhere="));
	assert_non_null(strstr(text, "\ninfo again\n"));
}

static void fifo_without_a_reader_is_no_wait(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	start(path, 0, 0);
	assert_true(log_line("a"));

	(void)on_error_output();
	assert_non_null(strstr(text, "reason=open"));
}

/* The file may be as large as one line and a half. */
static void half_a_line_is_taken_back(void **state)
{
	struct rlimit before, limit;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 10;
	start(path, 0, 0);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	(void)log_line("a");
	(void)log_line("b");
	(void)setrlimit(RLIMIT_FSIZE, &before);

	assert_string_equal(content(""), "info a\n");
	(void)on_error_output();
	assert_non_null(strstr(text, "reason=write"));
	assert_non_null(strstr(text, "\ninfo b\n"));
}

/* ".1" is a directory that is not empty: nothing can take its name. */
static void what_cannot_rotate_just_grows(void **state)
{
	char in_the_way[128];
	int fd;

	(void)state;
	snprintf(in_the_way, sizeof(in_the_way), "%s.1", path);
	assert_int_equal(mkdir(in_the_way, 0700), 0);
	snprintf(in_the_way, sizeof(in_the_way), "%s.1/x", path);
	fd = open(in_the_way, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	start(path, 7, 1);
	for (int i = 0; i < 3; i++)
		assert_true(log_line("a"));
	(void)unlink(in_the_way);

	assert_string_equal(content(""), "info a\ninfo a\ninfo a\n");
	(void)on_error_output();
	assert_non_null(strstr(text, "reason=rotate"));
}

/* ---- Standard error ---------------------------------------------------- */

static void fill_the_pipe(void)
{
	(void)fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	while (write(STDERR_FILENO, "x", 1) == 1)
		;
	(void)fcntl(STDERR_FILENO, F_SETFL, 0);
}

static void given_up_it_waits_for_nobody(void **state)
{
	bool written;

	(void)state;
	start("", 0, 0);
	fill_the_pipe();
	atomic_store(&sink.give_up, true);
	written = log_line("a");
	restore();

	assert_false(written);
}

/* A file that fails, and nobody reads the rest: the file may be back soon. */
static void with_a_file_it_waits_for_nobody(void **state)
{
	bool written;

	(void)state;
	fill_the_pipe();
	start("/dev/full", 0, 0);
	written = log_line("a");
	restore();

	assert_false(written);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(lines_are_added_to_the_file),
		TEST(time_is_in_a_file_by_itself),
		TEST(file_never_becomes_larger_than_asked),
		TEST(old_files_move_up_and_the_oldest_goes),
		TEST(none_kept_begins_anew),
		TEST(line_longer_than_the_limit_is_whole),
		TEST(reopened_file_is_a_new_one_if_moved),
		TEST(full_disk_goes_to_error_output),
		TEST(file_is_tried_until_it_works),
		TEST(fifo_without_a_reader_is_no_wait),
		TEST(half_a_line_is_taken_back),
		TEST(what_cannot_rotate_just_grows),
		TEST(given_up_it_waits_for_nobody),
		TEST(with_a_file_it_waits_for_nobody),
	};

	return cmocka_run_group_tests_name("src/log_sink", tests, NULL, NULL);
}
