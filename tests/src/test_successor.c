/* SPDX-License-Identifier: MIT */
/*
 * A successor that is a shell script: it writes down how it was started.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

#include "src/log.h"
#include "src/signals.h"
#include "src/successor.h"

static char path[64], text[1024];

/* Arguments, the signals it blocks and ignores, and who is watched; at last,
 * under the name that is waited for. */
#define SCRIPT                                                       \
	"{ printf '%s\\n' \"$0\" \"$@\" \"pid=$WATCHDOG_PID\";"      \
	" sed -n 's/^Sig\\(Blk\\|Ign\\):\\t*//p' /proc/self/status;" \
	" } >\"$OUT.part\"; mv \"$OUT.part\" \"$OUT\""

/* As main() has them: not const. */
static void start(const char *const words[])
{
	static char copies[8][512];
	static char *arguments[9];
	size_t count = 0;

	for (; words[count]; count++) {
		snprintf(copies[count], sizeof(copies[count]), "%s",
			 words[count]);
		arguments[count] = copies[count];
	}
	arguments[count] = NULL;
	successor_remember(arguments);
	successor_start();
}

static int set_up(void **state)
{
	(void)state;
	log_open(LOG_LEVEL_ERROR);
	snprintf(path, sizeof(path), "/tmp/bcast-successor-%d", (int)getpid());
	assert_int_equal(setenv("OUT", path, 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	signals_open();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	return 0;
}

static bool is_written(void *unused)
{
	(void)unused;
	return access(path, F_OK) == 0;
}

static void await_text(void)
{
	FILE *file;
	size_t n;

	assert_true(test_within(DEADLINE_MS, is_written, NULL));
	file = fopen(path, "re");
	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	assert_int_equal(fclose(file), 0);
}

static void successor_is_told_to_take_over(void **state)
{
	const char *const words[] = {"/bin/sh", "-c", SCRIPT,
				     "--name",	"x",  NULL};

	(void)state;
	start(words);

	await_text();
	assert_ptr_equal(strstr(text, "--name\nx\n--takeover\npid=\n"), text);
}

static void it_is_told_so_once_however_often_it_is_done(void **state)
{
	const char *const words[] = {"/bin/sh", "-c", SCRIPT, "--takeover",
				     "--name",	"x",  NULL};

	(void)state;
	start(words);

	await_text();
	assert_ptr_equal(strstr(text, "--name\nx\n--takeover\npid=\n"), text);
}

/* Of its own two, the C library has them ignored. */
static void its_signals_are_those_of_a_new_process(void **state)
{
	const char *const words[] = {"/bin/sh", "-c", SCRIPT, "x", NULL};
	unsigned long long blocked, ignored;

	(void)state;
	start(words);

	await_text();
	assert_int_equal(sscanf(text, "x\n--takeover\npid=\n%llx\n%llx\n",
				&blocked, &ignored),
			 2);
	assert_int_equal(blocked, 0);
	assert_int_equal(ignored & (1ull << (SIGPIPE - 1)), 0);
	assert_int_equal(ignored & (1ull << (SIGCHLD - 1)), 0);
}

static void program_that_is_gone_changes_nothing(void **state)
{
	const char *const words[] = {"/nowhere/bcastd", NULL};

	(void)state;
	start(words);

	assert_false(is_written(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(successor_is_told_to_take_over),
		TEST(it_is_told_so_once_however_often_it_is_done),
		TEST(its_signals_are_those_of_a_new_process),
		TEST(program_that_is_gone_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
