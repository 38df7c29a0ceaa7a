/* SPDX-License-Identifier: MIT */
/* test_pub.c - the real bcast-pub: what becomes of its input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "pubbed.h"

#define LIMIT (TOOL_STREAM_RING / 4 - 32)

static void expect_bytes(struct pubbed *pubbed, const char *bytes)
{
	char buffer[256];

	assert_int_equal(bcast_read(pubbed->reader, buffer, sizeof(buffer)),
			 strlen(bytes));
	assert_memory_equal(buffer, bytes, strlen(bytes));
}

/* ---- Cuts -------------------------------------------------------------- */

static void lines_become_records(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	pubbed_file(pubbed->files[0], "one\n\nthree", 10);
	pubbed_file(pubbed->files[1], "of another file\n", 16);

	assert_int_equal(
		pubbed_run(pubbed, "", pubbed->files[0], pubbed->files[1]), 0);

	pubbed_expect_record(pubbed, "one");
	pubbed_expect_record(pubbed, "");
	pubbed_expect_record(pubbed, "three");
	assert_int_equal(
		pubbed_expect_record(pubbed, "of another file").sequence, 4);
	pubbed_expect_nothing(pubbed);
	assert_string_equal(pubbed->tool.error.bytes, "");
}

static void bytes_stay_as_they_are(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, false);
	assert_int_equal(pubbed_run_text(pubbed, "", "one\n\nthree"), 0);
	expect_bytes(pubbed, "one\n\nthree");
	assert_int_equal(pubbed_run_text(pubbed, "--lines", "four\nfive"), 0);
	expect_bytes(pubbed, "four\nfive");
	assert_int_equal(pubbed_run_text(pubbed, "--whole", ""), 0);
	pubbed_expect_nothing(pubbed);
}

static void blocks_are_of_one_size(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	assert_int_equal(pubbed_run_text(pubbed, "--block 4", "0123456789"), 0);
	pubbed_expect_record(pubbed, "0123");
	pubbed_expect_record(pubbed, "4567");
	pubbed_expect_record(pubbed, "89");
	assert_int_equal(pubbed_run_text(pubbed, "--block 5", "0123456789"), 0);
	pubbed_expect_record(pubbed, "01234");
	pubbed_expect_record(pubbed, "56789");
	pubbed_expect_nothing(pubbed);
}

static void whole_files_are_records(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	pubbed_file(pubbed->files[0], "a\nb", 3);
	pubbed_file(pubbed->files[1], "", 0);
	assert_int_equal(pubbed_run(pubbed, "--whole", pubbed->files[0],
				    pubbed->files[1]),
			 0);
	pubbed_expect_record(pubbed, "a\nb");
	pubbed_expect_record(pubbed, "");
	pubbed_expect_nothing(pubbed);
}

static void lengths_stand_before_records(void **state)
{
	static const char bytes[] = "\0\0\0\3abc\0\0\0\0\0\0\0\4d";
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	pubbed_file(pubbed->files[0], bytes, 11);
	assert_int_equal(
		pubbed_run(pubbed, "--length-prefixed", pubbed->files[0], NULL),
		0);
	pubbed_expect_record(pubbed, "abc");
	pubbed_expect_record(pubbed, "");

	pubbed_file(pubbed->files[0], bytes, sizeof(bytes) - 1);
	assert_int_equal(
		pubbed_run(pubbed, "--length-prefixed", pubbed->files[0], NULL),
		EX_DATAERR);
	pubbed_assert_said(&pubbed->tool, "ends within record 3");
	pubbed_expect_record(pubbed, "abc");
	pubbed_expect_record(pubbed, "");
	pubbed_expect_nothing(pubbed);
}

/* A file of `size` bytes x in one of the three forms that have a size. */
static int run_size(struct pubbed *pubbed, const char *options, size_t size)
{
	static unsigned char bytes[LIMIT + 8];
	bool prefixed = strstr(options, "prefixed") != NULL;

	memset(bytes, 'x', sizeof(bytes));
	bytes[0] = bytes[1] = 0;
	bytes[2] = (unsigned char)(size >> 8);
	bytes[3] = (unsigned char)size;
	pubbed_file(pubbed->files[0], prefixed ? bytes : bytes + 4,
		    prefixed ? size + 4 : size);
	return pubbed_run(pubbed, options, pubbed->files[0], NULL);
}

static void limit_is_named_where_it_is_exceeded(void **state)
{
	static const char *const cuts[] = {"--lines", "--whole",
					   "--length-prefixed"};
	struct pubbed *pubbed = *state;
	struct bcast_packet packet;
	char limit[32];

	pubbed_open(pubbed, true);
	snprintf(limit, sizeof(limit), "at most %llu ",
		 (unsigned long long)LIMIT);
	for (int i = 0; i < 3; i++) {
		for (size_t size = LIMIT - 1; size <= LIMIT; size++) {
			assert_int_equal(run_size(pubbed, cuts[i], size), 0);
			assert_int_equal(bcast_next(pubbed->reader, &packet),
					 1);
			assert_int_equal(packet.length, size);
			assert_int_equal(
				bcast_consume(pubbed->reader, packet.size), 0);
		}
		assert_int_equal(run_size(pubbed, cuts[i], LIMIT + 1),
				 EX_DATAERR);
		pubbed_assert_said(&pubbed->tool, limit);
		pubbed_expect_nothing(pubbed);
	}
	assert_int_equal(pubbed_run_text(pubbed, "--block 16353", "x"),
			 EX_USAGE);
	pubbed_assert_said(&pubbed->tool, limit);
	assert_int_equal(pubbed_run_text(pubbed, "--block 16352", "x"), 0);
}

static void headers_say_what_was_asked_for(void **state)
{
	struct pubbed *pubbed = *state;
	struct bcast_packet packet;

	pubbed_open(pubbed, true);
	assert_int_equal(
		pubbed_run_text(pubbed, "--source 65535 --stamp none", "x"), 0);
	packet = pubbed_expect_record(pubbed, "x");
	assert_int_equal(packet.source, 65535);
	assert_int_equal(packet.timestamp_ns, 0);
	assert_int_equal(pubbed_run_text(pubbed, "--stamp exact", "y"), 0);
	packet = pubbed_expect_record(pubbed, "y");
	assert_int_equal(packet.source, 0);
	assert_true(packet.timestamp_ns > UINT64_C(1000000000));
	assert_int_equal(packet.crc32c, 0);
	assert_int_equal(pubbed_run_text(pubbed, "--checksum", "123456789"), 0);
	packet = pubbed_expect_record(pubbed, "123456789");
	assert_int_equal(packet.crc32c, 0xe3069283);
}

/* ---- Keys -------------------------------------------------------------- */

static void expect_key(struct pubbed *pubbed, const char *payload, size_t key)
{
	assert_int_equal(pubbed_expect_record(pubbed, payload).key_length, key);
}

static void key_stands_before_each_record_however_it_is_cut(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	assert_int_equal(pubbed_run_text(pubbed, "--key ab", "one\n\ntwo"), 0);
	expect_key(pubbed, "abone", 2);
	expect_key(pubbed, "ab", 2);
	expect_key(pubbed, "abtwo", 2);
	assert_int_equal(pubbed_run_text(pubbed, "-k ab --block 2 -c", "123"),
			 0);
	expect_key(pubbed, "ab12", 2);
	expect_key(pubbed, "ab3", 2);
	assert_int_equal(pubbed_run_text(pubbed, "-k a --whole", ""), 0);
	expect_key(pubbed, "a", 1);
	pubbed_file(pubbed->files[0], "\0\0\0\2xy", 6);
	assert_int_equal(pubbed_run(pubbed, "--key a --length-prefixed",
				    pubbed->files[0], NULL),
			 0);
	expect_key(pubbed, "axy", 1);
	pubbed_expect_nothing(pubbed);
}

static void lines_can_begin_with_their_keys(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	assert_int_equal(pubbed_run_text(pubbed, "--key-delimiter :",
					 "a:1\nbcd:2:3\nnone\n:x\nc:\n\n"),
			 0);
	expect_key(pubbed, "a1", 1);
	expect_key(pubbed, "bcd2:3", 3);
	expect_key(pubbed, "none", 0);
	expect_key(pubbed, "x", 0);
	expect_key(pubbed, "c", 1);
	expect_key(pubbed, "", 0);
	assert_int_equal(pubbed_run_text(pubbed, "-l -K \\t", "a\tb"), 0);
	expect_key(pubbed, "ab", 1);
	pubbed_expect_nothing(pubbed);
}

static void key_counts_for_the_limit(void **state)
{
	struct pubbed *pubbed = *state;
	char *line = malloc(LIMIT + 1);

	assert_non_null(line);
	memset(line, 'x', LIMIT + 1);
	pubbed_open(pubbed, true);
	pubbed_file(pubbed->files[0], line, LIMIT - 3);
	assert_int_equal(
		pubbed_run(pubbed, "--key abc", pubbed->files[0], NULL), 0);
	pubbed_file(pubbed->files[0], line, LIMIT - 2);
	assert_int_equal(
		pubbed_run(pubbed, "--key abc", pubbed->files[0], NULL),
		EX_DATAERR);
	line[2] = '=';
	pubbed_file(pubbed->files[0], line, LIMIT);
	assert_int_equal(pubbed_run(pubbed, "-K =", pubbed->files[0], NULL), 0);
	pubbed_file(pubbed->files[0], line, LIMIT + 1);
	assert_int_equal(pubbed_run(pubbed, "-K =", pubbed->files[0], NULL),
			 EX_DATAERR);
	free(line);
}

static void keys_are_refused_where_there_are_none(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, false);
	assert_int_equal(pubbed_run_text(pubbed, "--key a", "x"), EX_USAGE);
	pubbed_assert_said(&pubbed->tool, "keys are for records");
	assert_int_equal(pubbed_run_text(pubbed, "--key a -K :", "x"),
			 EX_USAGE);
	assert_int_equal(pubbed_run_text(pubbed, "-K : --whole", "x"),
			 EX_USAGE);
	assert_int_equal(pubbed_run_text(pubbed, "-K ::", "x"), EX_USAGE);
	pubbed_assert_said(&pubbed->tool, "one byte");
	assert_int_equal(pubbed_run_text(pubbed, "--key=", "x"), EX_USAGE);
	pubbed_assert_said(&pubbed->tool, "1 to 65535 bytes");
	pubbed_expect_nothing(pubbed);
}

static void rate_is_held(void **state)
{
	struct pubbed *pubbed = *state;
	uint64_t begin_ms = test_now_ms();

	pubbed_open(pubbed, true);
	/* the first of the 21 is free */
	assert_int_equal(
		pubbed_run_text(pubbed, "--rate 100/s --stats",
				"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"),
		0);
	assert_true(test_now_ms() - begin_ms >= 190);
	pubbed_assert_said(&pubbed->tool, "{\"publications\":21,\"bytes\":0,");

	begin_ms = test_now_ms();
	assert_int_equal(
		run_size(pubbed, "--rate 50KB/s --block 1K", 11 * 1024), 0);
	assert_true(test_now_ms() - begin_ms >= 190);
}

static void progress_is_told_each_second(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	assert_int_equal(pubbed_run_text(pubbed, "--rate 2/s --progress",
					 "one\ntwo\nthree\nfour\n"),
			 0);
	pubbed_assert_said(&pubbed->tool, " publications, ");
	pubbed_assert_said(&pubbed->tool, ", position ");
	pubbed_expect_record(pubbed, "one");

	/* not of what is over before that */
	assert_int_equal(pubbed_run_text(pubbed, "--progress", "one\n"), 0);
	assert_int_equal(pubbed->tool.error.size, 0);
}

int main(void)
{
#define PUB_TEST(f) \
	cmocka_unit_test_setup_teardown(f, pubbed_set_up, pubbed_tear_down)
	const struct CMUnitTest tests[] = {
		PUB_TEST(lines_become_records),
		PUB_TEST(bytes_stay_as_they_are),
		PUB_TEST(blocks_are_of_one_size),
		PUB_TEST(whole_files_are_records),
		PUB_TEST(lengths_stand_before_records),
		PUB_TEST(limit_is_named_where_it_is_exceeded),
		PUB_TEST(headers_say_what_was_asked_for),
		PUB_TEST(key_stands_before_each_record_however_it_is_cut),
		PUB_TEST(lines_can_begin_with_their_keys),
		PUB_TEST(key_counts_for_the_limit),
		PUB_TEST(keys_are_refused_where_there_are_none),
		PUB_TEST(rate_is_held),
		PUB_TEST(progress_is_told_each_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
