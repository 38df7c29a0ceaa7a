/* SPDX-License-Identifier: MIT */
/* test_pub_remote.c - the real bcast-pub at an address of the real daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "numbered.h"
#include "run_program.h"

#define LIMIT (UINT64_C(1) << 18)

static struct daemon_fixture daemon_;
static struct run_program tool;
static struct bcast_client *reader;
static char any[32], tcp[64], file[32];

static int start(void **state)
{
	static const char *const options[] = {
		"--format",    "packet", "--packet", "127.0.0.1:0",
		"--ring-size", "1M",	 NULL};
	int fd;

	(void)state;
	daemon_ = (struct daemon_fixture){0};
	tool = (struct run_program){0};
	daemon_fixture_start(&daemon_, options);
	snprintf(any, sizeof(any), "127.0.0.1:%u",
		 daemon_fixture_port(&daemon_, "packet"));
	snprintf(tcp, sizeof(tcp), "tcp://%s", any);
	snprintf(file, sizeof(file), "/tmp/t-pub-XXXXXX");
	fd = mkstemp(file);
	if (fd < 0)
		return -1;
	(void)close(fd);
	reader = numbered_open(tcp, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);
	return 0;
}

static int stop(void **state)
{
	run_program_end(&tool);
	bcast_close(reader);
	reader = NULL;
	(void)unlink(file);
	return daemon_fixture_cleanup(state);
}

static int run(const char *option, const char *address, const void *bytes,
	       size_t size)
{
	const char *const argv[] = {TOOL, option, address, file, NULL};
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, size, out), size);
	assert_int_equal(fclose(out), 0);
	run_program_end(&tool);
	tool = (struct run_program){0};
	return run_program(&tool, argv);
}

static int run_text(const char *option, const char *address, const char *text)
{
	return run(option, address, text, strlen(text));
}

static void expect(const char *text)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_client_next(reader, &packet, DEADLINE_MS), 1);
	assert_int_equal(packet.length, strlen(text));
	assert_memory_equal(packet.payload, text, packet.length);
	assert_true(packet.timestamp_ns != 0);
}

static void all_is_in_the_ring_when_it_ends(void **state)
{
	const char *doors[] = {tcp, any};

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run_text("--lines", doors[i], "one\n\nthree"),
				 0);
		assert_int_equal(run_text("--whole", doors[i], "one\n\nthree"),
				 0);
		assert_int_equal(run_text("--block=4", doors[i], "012345"), 0);
		assert_int_equal(run("--length-prefixed", doors[i],
				     "\0\0\0\2ab\0\0\0\0", 10),
				 0);
		expect("one");
		expect("");
		expect("three");
		expect("one\n\nthree");
		expect("0123");
		expect("45");
		expect("ab");
		expect("");
		numbered_expect_nothing(reader);
		assert_int_equal(tool.error.size, 0);
	}
}

static void keys_go_to_both_doors(void **state)
{
	const char *doors[] = {tcp, any};
	struct bcast_packet packet;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run_text("--key=prices", doors[i], "12"), 0);
		assert_int_equal(run_text("--key-delimiter==", doors[i], "a=b"),
				 0);
		assert_int_equal(
			bcast_client_next(reader, &packet, DEADLINE_MS), 1);
		assert_int_equal(packet.key_length, 6);
		assert_memory_equal(packet.payload, "prices12", 8);
		assert_int_equal(
			bcast_client_next(reader, &packet, DEADLINE_MS), 1);
		assert_int_equal(packet.key_length, 1);
		assert_memory_equal(packet.payload, "ab", 2);
	}
}

static void statistics_are_of_the_stream(void **state)
{
	(void)state;
	assert_int_equal(run_text("--stats", tcp, "one\ntwo\n"), 0);

	assert_non_null(strstr(tool.error.bytes,
			       "{\"publications\":2,\"bytes\":6,"
			       "\"position\":128,"));
}

static void what_is_too_large_is_refused_and_the_rest_stays(void **state)
{
	char *bytes = malloc(LIMIT + 8);

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'x', LIMIT + 8);
	memcpy(bytes, "one\n", 4);

	assert_int_equal(run("--lines", tcp, bytes, LIMIT + 8), EX_DATAERR);

	expect("one");
	numbered_expect_nothing(reader);
	free(bytes);
}

static void what_cannot_be_is_explained(void **state)
{
	(void)state;
	assert_int_equal(run_text("--source=5", tcp, ""), EX_USAGE);
	assert_int_equal(run_text("--lines", "a:b:c", ""), EX_USAGE);
	assert_non_null(strstr(tool.error.bytes, "not an address"));
	daemon_fixture_stop(&daemon_);
	assert_int_equal(run_text("--lines", tcp, "one\n"), EX_UNAVAILABLE);
	assert_non_null(strstr(tool.error.bytes, "refused"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		CASE(all_is_in_the_ring_when_it_ends),
		CASE(keys_go_to_both_doors),
		CASE(statistics_are_of_the_stream),
		CASE(what_is_too_large_is_refused_and_the_rest_stays),
		CASE(what_cannot_be_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
