/* SPDX-License-Identifier: MIT */
/*
 * test_doctor.c - the real bcast-doctor, on whatever machine this is: what it
 * says must have its form, and follow what is denied to it.
 */
#include <errno.h>
#include <json-c/json.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "deny.h"
#include "manual.h"
#include "run_program.h"
#include "support.h"

#define WORDS_MAX 8
#define CHECKS	  21u

static struct run_program tool;

static int clean(void **state)
{
	(void)state;
	run_program_end(&tool);
	tool = (struct run_program){0};
	return 0;
}

/* Words between blanks. */
static int doctor(const char *words)
{
	const char *argv[WORDS_MAX] = {TOOL};
	char copy[128], *rest = NULL;
	unsigned count = 1;

	(void)clean(NULL);
	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok_r(copy, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		argv[count++] = word;
	assert_true(count < WORDS_MAX);
	return run_program(&tool, argv);
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		fail_msg("no text %s in: %s", key, tool.out.bytes);
	return json_object_get_string(value);
}

static struct json_object *parse(void)
{
	struct json_object *list = json_tokener_parse(tool.out.bytes);

	if (!json_object_is_type(list, json_type_array))
		fail_msg("no array: %s", tool.out.bytes);
	return list;
}

/* A check of those that it printed as JSON; into `found`, or fail. */
static const char *state_of(const char *check, char fix[128])
{
	static char state[16];
	struct json_object *list = parse();

	state[0] = '\0';
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (strcmp(text_of(one, "check"), check) != 0)
			continue;
		snprintf(state, sizeof(state), "%s", text_of(one, "state"));
		snprintf(fix, 128, "%s", text_of(one, "fix"));
	}
	json_object_put(list);
	return state;
}

/* ---- Claims ------------------------------------------------------------ */

static void each_check_has_all_five_texts(void **state)
{
	struct json_object *list;
	bool failed = false;
	int code = doctor("--json");

	(void)state;
	list = parse();
	assert_int_equal(json_object_array_length(list), CHECKS);
	for (size_t i = 0; i < CHECKS; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *is = text_of(one, "state");

		assert_int_equal(json_object_object_length(one), 5);
		assert_true(*text_of(one, "check") && *text_of(one, "found"));
		(void)text_of(one, "fix");
		assert_true(strcmp(is, "ok") == 0 || strcmp(is, "warn") == 0 ||
			    strcmp(is, "fail") == 0 ||
			    strcmp(is, "unknown") == 0);
		if (strcmp(is, "warn") == 0 || strcmp(is, "fail") == 0)
			assert_true(*text_of(one, "means") != '\0');
		failed |= strcmp(is, "fail") == 0;
	}
	assert_int_equal(code, failed ? 1 : 0);
	json_object_put(list);
}

static void text_says_the_same_as_json(void **state)
{
	struct json_object *list;

	(void)state;
	(void)doctor("--json --ring-size 64K");
	list = parse();
	(void)doctor("--ring-size 64K");

	for (size_t i = 0; i < CHECKS; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		char line[128];

		snprintf(line, sizeof(line), "%-9s%-16s", text_of(one, "state"),
			 text_of(one, "check"));
		if (!strstr(tool.out.bytes, line))
			fail_msg("no '%s' in: %s", line, tool.out.bytes);
	}
	assert_non_null(strstr(tool.out.bytes, " unknown. "));
	assert_null(strchr(tool.out.bytes, '\033'));
	json_object_put(list);
}

static void ring_that_cannot_be_fails_with_the_cure(void **state)
{
	char fix[128];

	(void)state;
	(void)doctor("--json --ring-size 1T");
	if (strcmp(state_of("dev_shm_room", fix), "ok") == 0)
		skip(); /* a /dev/shm without limit */
	assert_int_equal(tool.code, 1);
	assert_string_equal(state_of("dev_shm_room", fix), "fail");
	assert_non_null(strstr(fix, "mount -o remount,size="));

	assert_int_equal(doctor("--quiet --ring-size 1T"), 1);
	assert_non_null(strstr(tool.out.bytes, "fail     dev_shm_room"));
	assert_non_null(strstr(tool.out.bytes, "\n         fix: mount "));
	assert_null(strstr(tool.out.bytes, "\nok "));
	assert_null(strstr(tool.out.bytes, "\nunknown "));
}

static void few_descriptors(void *argument)
{
	const struct rlimit few = {1000, 1000};
	char fix[128];

	(void)argument;
	test_child_ready();
	test_child_check(setrlimit(RLIMIT_NOFILE, &few) == 0);
	(void)doctor("--json --ring-size 64K --receivers 65536");
	test_child_check(strcmp(state_of("nofile", fix), "warn") == 0);
	test_child_check(strncmp(fix, "ulimit -n 6", 11) == 0);
	run_program_end(&tool);
}

static void more_receivers_need_more_descriptors(void **state)
{
	struct rlimit before;
	struct test_child child;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	if (before.rlim_max < 1000)
		skip();

	child = test_fork(few_descriptors, NULL);

	assert_int_equal(test_join(&child), 0);
}

static void denied(int error)
{
	static const long calls[] = {SYS_io_uring_setup};
	char fix[128];

	deny_calls(calls, 1, error);
	(void)doctor("--json --ring-size 64K");
	test_child_check(strcmp(state_of("io_uring", fix), "warn") == 0);
	test_child_check(strstr(fix, "seccomp") != NULL);
	run_program_end(&tool);
}

static void deny_as_docker_does(void *argument)
{
	test_child_ready();
	denied(*(const int *)argument);
}

static void filter_is_told_from_other_reasons(void **state)
{
	static const int errors[] = {EPERM, ENOSYS};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		int error = errors[i];
		struct test_child child =
			test_fork(deny_as_docker_does, &error);
		int code = test_join(&child);

		if (code == 77)
			skip();
		assert_int_equal(code, 0);
	}
}

static void plan_can_be_a_file_of_the_daemon(void **state)
{
	char path[] = "/tmp/bcast-doctor-XXXXXX", words[64], fix[128];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "ring-size = 1T\n", 15), 15);
	snprintf(words, sizeof(words), "--json --config %s", path);
	(void)doctor(words);
	if (strcmp(state_of("dev_shm_room", fix), "ok") != 0)
		assert_int_equal(tool.code, 1);

	/* what is said here counts for more */
	snprintf(words, sizeof(words), "--json -c %s -r 64K", path);
	(void)doctor(words);
	assert_string_not_equal(state_of("dev_shm_room", fix), "fail");

	assert_int_equal(write(fd, "frob = 1\n", 9), 9);
	assert_int_equal(doctor(words), EX_CONFIG);
	assert_int_equal(unlink(path), 0);
	(void)close(fd);
	assert_int_equal(doctor(words), EX_NOINPUT);
}

/* ---- The command line -------------------------------------------------- */

static void wrong_words_are_refused_in_a_line(void **state)
{
	static const struct {
		const char *words, *says;
	} rows[] = {
		{"--frobnicate", "--frobnicate is not an option: see "},
		{"-x", "-x is not an option"},
		{"default", "default is too much"},
		{"--receivers", "--receivers needs an argument"},
		{"--receivers 0", "--receivers: '0' "},
		{"--receivers 65537", "from 1 to 65536"},
		{"--ring-size 3M", "a power of two"},
		{"--ring-size 32K", "--ring-size: '32K' "},
		{"--ring-size x", "--ring-size: 'x' is not a size"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *said;

		assert_int_equal(doctor(rows[i].words), EX_USAGE);
		said = tool.error.bytes;
		if (!strstr(said, rows[i].says) ||
		    strncmp(said, "bcast-doctor: ", 14) != 0 ||
		    strchr(said, '\n')[1] != '\0')
			fail_msg("%s: %s", rows[i].words, said);
		assert_int_equal(tool.out.size, 0);
	}
}

static void manual_lists_the_options_and_the_checks(void **state)
{
	char *manual = manual_file(MANUAL);
	struct json_object *list;

	(void)state;
	manual_agrees(TOOL, MANUAL);
	(void)doctor("--json");
	list = parse();
	for (size_t i = 0; i < CHECKS; i++) {
		const char *name =
			text_of(json_object_array_get_idx(list, i), "check");

		if (!strstr(strstr(manual, ".SH CHECKS"), name))
			fail_msg("%s is not in the manual", name);
	}
	json_object_put(list);
	free(manual);
}

static void version_is_told(void **state)
{
	(void)state;
	assert_int_equal(doctor("--version"), 0);
	assert_int_equal(strncmp(tool.out.bytes, "bcast-doctor ", 13), 0);
	assert_int_equal(doctor("--help"), 0);
}

/* ---- Colours ----------------------------------------------------------- */

/* Whether it writes any on a terminal. */
static bool colours_with(const char *no_color)
{
	char text[4096];
	bool found = false;
	int fd = -1, status = 0;
	pid_t pid = forkpty(&fd, NULL, NULL, NULL);

	if (pid == 0) {
		(void)setenv("TERM", "xterm", 1);
		(void)unsetenv("NO_COLOR");
		if (no_color)
			(void)setenv("NO_COLOR", no_color, 1);
		(void)execl(TOOL, TOOL, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	for (;;) {
		ssize_t n = read(fd, text, sizeof(text) - 1);

		if (n <= 0)
			break;
		found |= memchr(text, '\033', (size_t)n) != NULL;
	}
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return found;
}

static void colours_are_for_terminals_that_want_them(void **state)
{
	(void)state;
	assert_true(colours_with(NULL));
	assert_true(colours_with(""));
	assert_false(colours_with("1"));
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_check_has_all_five_texts),
		TEST(text_says_the_same_as_json),
		TEST(ring_that_cannot_be_fails_with_the_cure),
		TEST(more_receivers_need_more_descriptors),
		TEST(filter_is_told_from_other_reasons),
		TEST(plan_can_be_a_file_of_the_daemon),
		TEST(wrong_words_are_refused_in_a_line),
		TEST(manual_lists_the_options_and_the_checks),
		TEST(version_is_told),
		TEST(colours_are_for_terminals_that_want_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
