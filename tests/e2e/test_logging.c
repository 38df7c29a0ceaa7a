/* SPDX-License-Identifier: MIT */
/*
 * The log of a real daemon, and those who do not take it: a pipe that nobody
 * reads, a full disk, a file that is moved away. The stream must not notice.
 *
 * The daemon's lines are elsewhere here, so its addresses come from the facts
 * in the segment, and are put into the fixture's log for the crowd to find.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd_stage.h"

#define MIB	 (1u << 20)
#define TEXT_MAX (4u << 20)

static char directory[64], path[96], prefix[160], text[TEXT_MAX];
static int pipe_ends[2];
static uint64_t refused;

static int set_up(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/bcast-logging-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/log", directory);
	prefix[0] = '\0';
	pipe_ends[0] = pipe_ends[1] = -1;
	refused = 0;
	return crowd_stage_open(state);
}

static int tear_down(void **state)
{
	struct dirent *entry;
	char name[400];
	DIR *listing;
	int ret = crowd_stage_close(state);

	listing = opendir(directory);
	while (listing && (entry = readdir(listing))) {
		snprintf(name, sizeof(name), "%s/%s", directory, entry->d_name);
		(void)unlink(name);
	}
	if (listing)
		(void)closedir(listing);
	for (int i = 0; i < 2; i++)
		if (pipe_ends[i] >= 0)
			(void)close(pipe_ends[i]);
	return rmdir(directory) < 0 ? -1 : ret;
}

/* ---- The daemon -------------------------------------------------------- */

static bool is_live(void *argument)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;

	(void)argument;
	if (bcast_monitor_open(daemon_.name, &monitor) < 0)
		return false;
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	return info.state == BCAST_STREAM_LIVE && info.writer_alive &&
	       (pid_t)info.owner_pid == daemon_.pid;
}

static void introduce_to_the_crowd(void)
{
	struct bcast_monitor *monitor;
	struct bcast_fact fact;
	uint32_t next = 0;

	if (!test_within(DEADLINE_MS, is_live, NULL))
		fail_msg("it does not start:\n%s",
			 daemon_fixture_log(&daemon_));
	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	while (bcast_monitor_fact(monitor, &next, &fact) == 1) {
		char role[16];
		unsigned port;

		if (sscanf(fact.value, "%15s 127.0.0.1:%u", role, &port) == 2)
			dprintf(daemon_.log_fd,
				"info listening addr=127.0.0.1:%u role=%s\n",
				port, role);
	}
	bcast_monitor_close(monitor);
	crowd_open(&crowd, &daemon_);
}

/* With a sender and two receivers, which is all that may be. */
static void start(const char *option, const char *value, const char *second,
		  const char *second_value)
{
	const char *const options[] = {"--ring-size",
				       "16M",
				       "--ingest",
				       "127.0.0.1:0",
				       "--egress",
				       "127.0.0.1:0",
				       "--log-rate",
				       "0",
				       "--max-receivers",
				       "2",
				       "--log-rotate",
				       "0",
				       option,
				       value,
				       second,
				       second_value,
				       NULL};

	daemon_fixture_launch(&daemon_, options);
	introduce_to_the_crowd();
	crowd_send_from(&crowd, "ingest");
	crowd_receive(&crowd);
	crowd_receive(&crowd);
}

/* So many lines of the log. */
static void refuse(unsigned connections)
{
	uint16_t port = daemon_fixture_port(&daemon_, "egress");

	for (unsigned i = 0; i < connections; i++)
		(void)close(crowd_connect(port, 0));
	refused += connections;
	daemon_fixture_await(&daemon_, "receivers_refused", refused);
}

/* All bytes of the stream, compared. */
static void stream(uint64_t bytes)
{
	uint64_t before = crowd.consumers[0].bytes;

	crowd_send(&crowd, bytes);
	crowd_settle(&crowd);
	assert_int_equal(crowd.consumers[0].bytes - before, bytes);
}

static bool is_zero(void *counter)
{
	return daemon_fixture_counter(&daemon_, counter) == 0;
}

static void await_written(void)
{
	static char waiting[] = "log_waiting";

	assert_true(test_within(DEADLINE_MS, is_zero, waiting));
}

/* ---- Files ------------------------------------------------------------- */

static const char *content(const char *suffix)
{
	char name[300];
	ssize_t n = -1;
	int fd;

	snprintf(name, sizeof(name), "%s%s%s", prefix, path, suffix);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, TEXT_MAX - 1);
		(void)close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? NULL : text;
}

static unsigned count(const char *what)
{
	unsigned times = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		times++;
	return times;
}

static bool file_has(void *words)
{
	return content("") && strstr(text, *(const char *const *)words);
}

static void await_in_file(const char *words)
{
	if (!test_within(DEADLINE_MS, file_has, &words))
		fail_msg("'%s' is not in:\n%s", words, text);
}

/* ---- A pipe that nobody reads ------------------------------------------ */

static void take_pipe(void *argument)
{
	(void)argument;
	(void)dup2(pipe_ends[1], STDERR_FILENO);
}

static void blocked_pipe_does_not_concern_the_stream(void **state)
{
	uint64_t began_ms;

	(void)state;
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	(void)fcntl(pipe_ends[0], F_SETPIPE_SZ, 16384);
	daemon_.in_child = take_pipe;
	start("--log-level", "debug", "--drain-timeout", "1s");

	refuse(1500);
	assert_true(daemon_fixture_counter(&daemon_, "log_dropped") >= 500);
	assert_true(daemon_fixture_counter(&daemon_, "log_waiting") >= 500);
	stream(64 * MIB);
	refuse(10);

	began_ms = test_now_ms();
	crowd_end_sender(&crowd);
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	/* a second for the log, and what a slow machine takes */
	assert_in_range(test_now_ms() - began_ms, 0, 6000);
	daemon_fixture_forget(&daemon_);
}

static void pipe_that_is_read_again_says_what_is_missing(void **state)
{
	struct pollfd reader;
	size_t used = 0;
	unsigned told = 0;
	uint64_t dropped;

	(void)state;
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	(void)fcntl(pipe_ends[0], F_SETPIPE_SZ, 16384);
	(void)fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);
	daemon_.in_child = take_pipe;
	start("--log-level", "info", "--mode", "0600");
	refuse(1000);
	reader = (struct pollfd){.fd = pipe_ends[0], .events = POLLIN};
	while (used < TEXT_MAX - 1 && poll(&reader, 1, 1000) == 1) {
		ssize_t n =
			read(pipe_ends[0], text + used, TEXT_MAX - 1 - used);

		if (n <= 0)
			break;
		used += (size_t)n;
	}
	text[used] = '\0';

	for (const char *at = text; (at = strstr(at, "log_dropped count="));)
		told += (unsigned)strtoul((at = strchr(at, '=') + 1), NULL, 10);
	dropped = daemon_fixture_counter(&daemon_, "log_dropped");
	assert_true(dropped > 0);
	assert_int_equal(told, dropped);
	assert_int_equal(count("warn receiver_refused ") + told, 1000);
	assert_int_equal(daemon_fixture_counter(&daemon_, "log_waiting"), 0);
}

/* ---- A full disk ------------------------------------------------------- */

static void take_tiny_disk(void *argument)
{
	(void)argument;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", directory, "tmpfs", 0, "size=16K") < 0)
		_exit(77);
}

static bool can_mount(void)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		take_tiny_disk(NULL);
		_exit(0);
	}
	(void)waitpid(child, &status, 0);
	return status == 0;
}

static void assert_lines_are_whole(void)
{
	const char *at = text;

	while (*at) {
		const char *end = strchr(at, '\n');

		assert_non_null(end);
		if (strncmp(at, "time=20", 7) != 0)
			fail_msg("not a line: %.*s", (int)(end - at), at);
		at = end + 1;
	}
}

static bool is_back(void *argument)
{
	(void)argument;
	refuse(1);
	await_written();
	return content("") && strstr(text, "log_file_back");
}

static void full_disk_does_not_concern_the_stream(void **state)
{
	char name[300];

	(void)state;
	if (!can_mount())
		skip();
	daemon_.in_child = take_tiny_disk;
	start("--log-file", path, "--mode", "0600");
	snprintf(prefix, sizeof(prefix), "/proc/%ld/root", (long)daemon_.pid);

	refuse(500);
	await_written();

	/* in the file until it was full, then on standard error, after a word */
	assert_int_equal(daemon_fixture_counter(&daemon_, "log_dropped"), 0);
	assert_true(daemon_fixture_counter(&daemon_, "log_file_errors") >= 1);
	daemon_fixture_await_log(&daemon_, "warn log_file_failed path=", 1);
	assert_int_equal(daemon_fixture_logged(&daemon_, "log_file_failed"), 1);
	assert_non_null(content(""));
	assert_lines_are_whole();
	assert_in_range(strlen(text), 16384 - 1024, 16384);
	assert_int_equal(
		count(" receiver_refused ") +
			daemon_fixture_logged(&daemon_, " receiver_refused "),
		500);
	stream(32 * MIB);

	/* room again */
	snprintf(name, sizeof(name), "%s%s", prefix, path);
	assert_int_equal(truncate(name, 0), 0);
	assert_true(test_within(DEADLINE_MS, is_back, NULL));
	assert_lines_are_whole();
}

static void file_that_cannot_be_is_no_reason_not_to_start(void **state)
{
	(void)state;
	start("--log-file", "/nowhere/at/all", "--mode", "0600");
	daemon_fixture_await_log(&daemon_,
				 "warn log_file_failed path=/nowhere/at/all "
				 "reason=open error=\"No such file or",
				 1);
	daemon_fixture_await_log(&daemon_, "info receiver_joined ", 1);
	stream(MIB);
}

/* ---- Files that move --------------------------------------------------- */

static void files_rotate_and_keep_to_their_size(void **state)
{
	const char *const options[] = {
		"--ring-size", "1M",	      "--egress",	 "127.0.0.1:0",
		"--log-rate",  "0",	      "--log-file",	 path,
		"--log-keep",  "2",	      "--log-rotate",	 "8K",
		"--ingest",    "127.0.0.1:0", "--max-receivers", "2",
		NULL};
	static const char *const suffixes[] = {"", ".1", ".2"};

	(void)state;
	daemon_fixture_launch(&daemon_, options);
	introduce_to_the_crowd();
	crowd_receive(&crowd);
	crowd_receive(&crowd);
	refuse(1000);
	await_written();

	for (unsigned i = 0; i < 3; i++) {
		assert_non_null(content(suffixes[i]));
		assert_in_range(strlen(text), i == 0 ? 1 : 7000, 8192);
		assert_lines_are_whole();
	}
	assert_null(content(".3"));
	assert_int_equal(daemon_fixture_counter(&daemon_, "log_file_errors"),
			 0);
}

/* As logrotate does it, again and again while lines come: none is lost. */
static void hangup_opens_the_file_anew_and_loses_nothing(void **state)
{
	char moved[128], suffix[16];
	unsigned lines = 0;

	(void)state;
	start("--log-file", path, "--mode", "0600");
	for (unsigned i = 1; i <= 10; i++) {
		refuse(50);
		snprintf(moved, sizeof(moved), "%s.%u", path, i);
		assert_int_equal(rename(path, moved), 0);
		refuse(50);
		assert_int_equal(kill(daemon_.pid, SIGHUP), 0);
		refuse(50);
		await_in_file(" info log_file_reopened path=");
	}
	await_written();

	for (unsigned i = 0; i <= 10; i++) {
		snprintf(suffix, sizeof(suffix), ".%u", i);
		assert_non_null(content(i ? suffix : ""));
		assert_lines_are_whole();
		lines += count(" receiver_refused ");
	}
	assert_int_equal(lines, refused);
	assert_int_equal(daemon_fixture_counter(&daemon_, "log_dropped"), 0);
	stream(MIB);
}

/* ---- JSON -------------------------------------------------------------- */

static void assert_is_json(char *line)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	static const char *const keys[] = {"time", "level", "event"};

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	object = json_tokener_parse_ex(tokener, line, (int)strlen(line) + 1);
	json_tokener_free(tokener);
	if (!json_object_is_type(object, json_type_object))
		fail_msg("not an object: %s", line);
	for (unsigned i = 0; i < 3; i++)
		assert_true(json_object_object_get_ex(object, keys[i], NULL));
	json_object_put(object);
}

static void every_line_is_a_json_object(void **state)
{
	char *line, *rest;

	(void)state;
	start("--log-file", path, "--log-format", "json");
	refuse(20);
	stream(MIB);
	crowd_leave(&crowd.consumers[0]);
	daemon_fixture_await(&daemon_, "receivers", 1);
	crowd_reset_sender(&crowd);
	daemon_fixture_await(&daemon_, "senders", 0);
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);

	assert_non_null(content(""));
	assert_int_equal(count("\"event\":\"receiver_refused\",\"peer\":\""),
			 20);
	assert_int_equal(count("\"level\":\"info\",\"event\":\"stopped\""), 1);
	assert_true(count("\"position\":0") >= 1);
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		assert_is_json(line);
	daemon_fixture_forget(&daemon_);
}

/* ---- The table of errors ----------------------------------------------- */

static uint64_t counted(const char *event, const char *words)
{
	struct bcast_error_info info;
	struct bcast_monitor *monitor;
	uint64_t found = 0;
	uint32_t next = 0;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	while (bcast_monitor_error(monitor, &next, &info) == 1)
		if (strcmp(info.event, event) == 0 &&
		    strcmp(info.text, words) == 0) {
			found += info.count;
			assert_int_equal(info.level, BCAST_LEVEL_WARN);
			assert_true(info.first_realtime_ns <=
				    info.last_realtime_ns);
		}
	bcast_monitor_close(monitor);
	return found;
}

static void kill_it_and_keep_its_name(void)
{
	char name[sizeof(daemon_.name)];

	memcpy(name, daemon_.name, sizeof(name));
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	crowd_close(&crowd);
	daemon_fixture_forget(&daemon_);
	memcpy(daemon_.name, name, sizeof(name));
}

static void errors_outlive_the_daemon_and_go_on(void **state)
{
	(void)state;
	/* none of it is written: it is in the table all the same */
	start("--log-level", "error", "--mode", "0600");
	refuse(30);
	kill_it_and_keep_its_name();

	assert_int_equal(counted("receiver_refused", "reason=max_receivers"),
			 30);

	start("--log-level", "warn", "--mode", "0600");
	refuse(5);
	assert_int_equal(counted("receiver_refused", "reason=max_receivers"),
			 35);
	assert_int_equal(
		counted("segment_adopted", "reason=\"its daemon had died\""),
		1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(blocked_pipe_does_not_concern_the_stream),
		TEST(pipe_that_is_read_again_says_what_is_missing),
		TEST(full_disk_does_not_concern_the_stream),
		TEST(file_that_cannot_be_is_no_reason_not_to_start),
		TEST(files_rotate_and_keep_to_their_size),
		TEST(hangup_opens_the_file_anew_and_loses_nothing),
		TEST(every_line_is_a_json_object),
		TEST(errors_outlive_the_daemon_and_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
