/* SPDX-License-Identifier: MIT */
/* test_sub.c - the real bcast-sub, with the real daemon, through both doors. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "manual.h"
#include "numbered.h"
#include "run_program.h"

#define ARGUMENTS_MAX 12

static struct daemon_fixture daemon_;
static struct run_program tool;
static struct bcast_client *publisher;
static char name[64], tcp[64], folder[32], place[64];

static int start(void **state)
{
	static const char *const options[] = {
		"--format",    "packet", "--packet", "127.0.0.1:0",
		"--ring-size", "1M",	 NULL};

	(void)state;
	daemon_ = (struct daemon_fixture){0};
	tool = (struct run_program){0};
	daemon_fixture_start(&daemon_, options);
	snprintf(name, sizeof(name), "%s", daemon_.name);
	snprintf(tcp, sizeof(tcp), "tcp://127.0.0.1:%u",
		 daemon_fixture_port(&daemon_, "packet"));
	snprintf(folder, sizeof(folder), "/tmp/t-sub-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(place, sizeof(place), "%s/place", folder);
	snprintf(name, sizeof(name), "shm:%s", daemon_.name);
	publisher = numbered_open(name, BCAST_CLIENT_PUBLISH, 0);
	snprintf(name, sizeof(name), "%s", daemon_.name);
	return 0;
}

static int stop(void **state)
{
	run_program_end(&tool);
	bcast_close(publisher);
	publisher = NULL;
	(void)unlink(place);
	(void)rmdir(folder);
	return daemon_fixture_cleanup(state);
}

static void publish(const char *text)
{
	assert_int_equal(bcast_client_publish(publisher, "key", 3, text,
					      strlen(text), DEADLINE_MS),
			 0);
	assert_int_equal(bcast_client_flush(publisher, DEADLINE_MS), 0);
}

/* Start `bcast-sub options... address`; options are separated by blanks. */
static void launch(const char *options, const char *address)
{
	const char *argv[ARGUMENTS_MAX] = {TOOL};
	char text[256];
	size_t count = 1;

	run_program_end(&tool);
	tool = (struct run_program){0};
	snprintf(text, sizeof(text), "%s", options);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		assert_in_range(count, 1, ARGUMENTS_MAX - 3);
		argv[count++] = word;
	}
	argv[count] = address;
	assert_int_equal(run_program_start(&tool, argv), 0);
}

static int run(const char *options, const char *address)
{
	launch(options, address);
	return run_program_wait(&tool);
}

static void expect_out(const char *text)
{
	assert_string_equal(tool.out.bytes, text);
}

/* ---- Forms ------------------------------------------------------------- */

static void each_form_is_written_through_both_doors(void **state)
{
	const char *doors[] = {name, tcp};

	(void)state;
	publish("one");
	publish("two\n");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run("-f oldest -n 2", doors[i]), 0);
		expect_out("one\ntwo\n\n");
		assert_int_equal(run("-f oldest -n 2 -F payload", doors[i]), 0);
		expect_out("onetwo\n");
		assert_int_equal(
			run("-f seq:2 -n 1 -F length-prefixed", doors[i]), 0);
		assert_int_equal(tool.out.size, 8);
		assert_memory_equal(tool.out.bytes, "\0\0\0\4two\n", 8);
		assert_int_equal(run("-f 0 -n 2 -F records", doors[i]), 0);
		assert_int_equal(tool.out.size, 128);
		assert_memory_equal(tool.out.bytes + 96, "keytwo\n", 7);
		assert_int_equal(run("-f oldest -n 1 -F json", doors[i]), 0);
		assert_non_null(strstr(tool.out.bytes,
				       "{\"sequence\":1,\"position\":0,"));
		assert_non_null(strstr(tool.out.bytes, "\"key\":\"key\"}\n"));
		assert_int_equal(tool.error.size, 0);
	}
}

static void keys_and_times_choose(void **state)
{
	(void)state;
	publish("one");
	assert_int_equal(run("-f oldest -k ke -n 1", tcp), 0);
	expect_out("one\n");
	assert_int_equal(run("-f oldest -k kx -t 50", tcp), 0);
	expect_out("");
	assert_int_equal(run("-f time:-60s -n 1", tcp), 0);
	expect_out("one\n");
}

/* ---- Ends -------------------------------------------------------------- */

static void the_end_in_order_is_success(void **state)
{
	(void)state;
	publish("one");
	launch("-f oldest", tcp);
	assert_true(run_program_read_out(&tool, 4));

	daemon_fixture_stop(&daemon_);

	assert_int_equal(run_program_wait(&tool), 0);
	assert_int_equal(tool.error.size, 0);
}

static void too_little_in_time_is_told(void **state)
{
	(void)state;
	assert_int_equal(run("-t 50 -n 1", tcp), EX_TEMPFAIL);
	assert_int_equal(run("-t 50", tcp), 0);
}

static void what_is_lost_is_told(void **state)
{
	(void)state;
	numbered_publish(publisher, 1, 40000); /* several rings */

	assert_int_equal(run("-f seq:1 -t 100", tcp), EX_TEMPFAIL);
	assert_non_null(strstr(tool.error.bytes, ": lost "));
	assert_non_null(strstr(tool.error.bytes, " records, 1 to "));

	assert_int_equal(run("-f 0 -t 100 --on-loss stop", name), EX_TEMPFAIL);
	assert_non_null(strstr(tool.error.bytes, ": lost "));
	assert_int_equal(tool.out.size, 0);
}

static void nobody_there_is_explained(void **state)
{
	(void)state;
	bcast_close(publisher);
	publisher = NULL;
	daemon_fixture_stop(&daemon_);

	assert_int_equal(run("", tcp), EX_UNAVAILABLE);
	assert_non_null(strstr(tool.error.bytes, "refused"));
	assert_int_equal(run("", name), EX_UNAVAILABLE);
	assert_non_null(strstr(tool.error.bytes, "no stream"));
	assert_int_equal(run("", "a:b:c"), EX_USAGE);
	assert_int_equal(run("--tcp", name), EX_USAGE);
	assert_int_equal(run("--shm", tcp), EX_USAGE);
	assert_int_equal(run("-F xml", tcp), EX_USAGE);
}

/* ---- --resume ---------------------------------------------------------- */

static void run_resumed(const char *address, const char *expected)
{
	char options[128];

	snprintf(options, sizeof(options), "-f oldest -r %s -t 50", place);
	assert_int_equal(run(options, address), 0);
	expect_out(expected);
	assert_int_equal(tool.error.size, 0);
}

static void a_place_is_remembered_from_door_to_door(void **state)
{
	(void)state;
	publish("one");
	run_resumed(tcp, "one\n");
	publish("two");
	publish("three");
	run_resumed(name, "two\nthree\n");
	run_resumed(tcp, "");
	publish("four");
	run_resumed(tcp, "four\n");
}

static void after_a_signal_it_goes_on_there(void **state)
{
	char options[128];

	(void)state;
	publish("one");
	snprintf(options, sizeof(options), "-f oldest -r %s", place);
	launch(options, tcp);
	assert_true(run_program_read_out(&tool, 4));

	assert_int_equal(kill(tool.pid, SIGTERM), 0);

	assert_int_equal(run_program_wait(&tool), RUN_PROGRAM_SIGNAL(SIGTERM));
	publish("two");
	run_resumed(tcp, "two\n");
}

static void put_place(const char *text)
{
	FILE *file = fopen(place, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void a_file_that_is_no_place_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"hello\n",
		"0000000000000000 0 0\n",
		"1234567890abcdef 32 1",
		"1234567890abcdef 33 1\n",
		"1234567890abcdef 32 1\nx",
	};
	char options[128];

	(void)state;
	snprintf(options, sizeof(options), "-r %s", place);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put_place(texts[i]);
		assert_int_equal(run(options, tcp), EX_DATAERR);
		assert_non_null(strstr(tool.error.bytes, place));
	}
}

static void the_place_of_another_stream_is_told(void **state)
{
	char options[128];

	(void)state;
	publish("one");
	put_place("1234567890abcdef 6400 101\n");
	snprintf(options, sizeof(options), "-r %s -t 50", place);

	assert_int_equal(run(options, tcp), EX_TEMPFAIL);

	assert_non_null(strstr(tool.error.bytes, "another stream"));
	expect_out("one\n");
	run_resumed(name, "");
}

static void help_and_manual_agree(void **state)
{
	(void)state;
	manual_agrees(TOOL, MANUAL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		CASE(each_form_is_written_through_both_doors),
		CASE(keys_and_times_choose),
		CASE(the_end_in_order_is_success),
		CASE(too_little_in_time_is_told),
		CASE(what_is_lost_is_told),
		CASE(nobody_there_is_explained),
		CASE(a_place_is_remembered_from_door_to_door),
		CASE(after_a_signal_it_goes_on_there),
		CASE(a_file_that_is_no_place_is_refused),
		CASE(the_place_of_another_stream_is_told),
		cmocka_unit_test(help_and_manual_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
