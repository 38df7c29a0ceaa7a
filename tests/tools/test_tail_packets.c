/* SPDX-License-Identifier: MIT */
/* test_tail_packets.c - the real bcast-tail on a stream of packets. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tailed.h"

static struct bcast_node *node;
static struct bcast_publisher *publisher;

static void open_packets(struct tailed *tailed)
{
	struct bcast_publisher_options how = BCAST_PUBLISHER_DEFAULTS;

	how.stamp = BCAST_STAMP_NONE;
	how.source = 7;
	tool_stream_create_packets(&tailed->stream, tailed->name);
	tool_stream_add_nodes(&tailed->stream, tailed->name, 4);
	assert_int_equal(bcast_join(tailed->name, "writer", NULL, &node), 0);
	assert_int_equal(bcast_publisher_open(node, &how, &publisher), 0);
}

static int tear_down(void **state)
{
	struct tailed *tailed = *state;

	bcast_publisher_close(publisher);
	bcast_leave(node);
	publisher = NULL;
	node = NULL;
	tool_stream_remove_nodes(tailed->name);
	return tailed_tear_down(state);
}

static void publish(const char *text)
{
	assert_int_equal(bcast_publish(publisher, text, strlen(text)), 0);
}

static void assert_out(const struct tailed *tailed, const char *text)
{
	assert_string_equal(tailed->tool.out.bytes, text);
	assert_int_equal(tailed->tool.out.size, strlen(text));
	tailed_assert_quiet(&tailed->tool);
}

static void three_records(struct tailed *tailed)
{
	open_packets(tailed);
	publish("one");
	publish("");
	publish("three, of 33 bytes: 0123456789abc");
}

static void records_are_shown_in_the_form_asked_for(void **state)
{
	struct tailed *tailed = *state;

	three_records(tailed);
	assert_int_equal(tailed_run(tailed, "--no-follow --payload"), 0);
	assert_out(tailed, "onethree, of 33 bytes: 0123456789abc");
	assert_int_equal(tailed_run(tailed, "--no-follow --lines"), 0);
	assert_out(tailed, "one\n\nthree, of 33 bytes: 0123456789abc\n");
	assert_int_equal(tailed_run(tailed, "--no-follow --headers"), 0);
	assert_out(tailed, "1 0.000000000 7 3 none\n2 0.000000000 7 0 none\n"
			   "3 0.000000000 7 33 none\n");
	assert_int_equal(tailed_run(tailed, "--no-follow --lines --headers -p"),
			 0);
	assert_out(tailed, "onethree, of 33 bytes: 0123456789abc");
}

/* As TCP receivers get them. */
static void without_a_form_headers_are_copied_too(void **state)
{
	const struct bcast_packet_header *header;
	struct tailed *tailed = *state;
	const struct run_output *out = &tailed->tool.out;

	three_records(tailed);
	assert_int_equal(tailed_run(tailed, "--no-follow"), 0);

	assert_int_equal(out->size, 64 + 32 + 96);
	header = bcast_packet_in(out->bytes, out->size, 64);
	assert_int_equal(header->sequence, 2);
	assert_int_equal(header->length, 0);
	header = bcast_packet_in(out->bytes, out->size, 96);
	assert_int_equal(header->sequence, 3);
	assert_memory_equal(header + 1, "three", 5);
	assert_int_equal(out->bytes[out->size - 1], 0);
}

static void bytes_may_cut_a_record(void **state)
{
	struct tailed *tailed = *state;

	three_records(tailed);
	for (int n = 63; n <= 65; n++) {
		char options[64];

		snprintf(options, sizeof(options), "-f oldest -n %d", n);
		assert_int_equal(tailed_run(tailed, options), 0);
		assert_int_equal(tailed->tool.out.size, n);
	}
	assert_int_equal(tailed_run(tailed, "-f oldest -n 65 --stats"), 0);
	tailed_assert_said(&tailed->tool, "\"position\":65,");
	assert_int_equal(tailed_run(tailed, "-f oldest --lines -n 6"), 0);
	assert_out(tailed, "one\n\nt");
}

/* Many laps of the ring, at the reader's pace; up to the largest record. */
static void every_record_of_many_laps_is_copied(void **state)
{
	static char text[BCAST_RING_MIN / 4 - 32 + 1];
	struct tailed *tailed = *state;
	size_t limit = sizeof(text) - 1, expected = 0;

	open_packets(tailed);
	tailed_start(tailed, "--from oldest --lines");
	for (unsigned i = 0; i < 200; i++) {
		size_t length = i % 3 ? i * 37 : limit - i % 2;

		memset(text, 'a' + (int)(i % 26), length);
		text[length] = '\0';
		publish(text);
		expected += length + 1;
		assert_true(run_program_read_out(&tailed->tool, expected));
	}
	bcast_publisher_close(publisher);
	publisher = NULL;
	tailed_close(tailed);

	assert_int_equal(run_program_wait(&tailed->tool), 0);
	assert_int_equal(tailed->tool.out.size, expected);
	tailed_assert_quiet(&tailed->tool);
	for (size_t i = 0, at = 0; i < 200; i++) {
		size_t length = i % 3 ? i * 37 : limit - i % 2;

		for (size_t k = 0; k < length; k++, at++)
			assert_int_equal(tailed->tool.out.bytes[at],
					 'a' + i % 26);
		assert_int_equal(tailed->tool.out.bytes[at++], '\n');
	}
}

static void lapped_one_is_told_of_records(void **state)
{
	struct tailed *tailed = *state;
	char text[101];

	open_packets(tailed);
	memset(text, 'x', sizeof(text) - 1);
	text[100] = '\0';
	publish(text);
	tailed_start(tailed, "--from oldest --lines --stats");
	assert_true(run_program_read_out(&tailed->tool, 101));
	tailed_stop(&tailed->tool);
	for (unsigned i = 0; i < 2000; i++)
		publish(text);
	bcast_publisher_close(publisher);
	publisher = NULL;
	tailed_close(tailed);
	(void)kill(tailed->tool.pid, SIGCONT);

	assert_int_equal(run_program_wait(&tailed->tool), EX_TEMPFAIL);
	tailed_assert_said(&tailed->tool, " records\n");
	tailed_assert_said(&tailed->tool, "\"laps\":1,");
	/* whole lines only, and as many as were not lost */
	assert_int_equal(tailed->tool.out.size % 101, 0);
}

static void a_checksum_is_said_to_be_right_or_wrong(void **state)
{
	struct bcast_publisher_options how = BCAST_PUBLISHER_DEFAULTS;
	struct tailed *tailed = *state;
	unsigned char *payload;

	open_packets(tailed);
	bcast_publisher_close(publisher);
	how.stamp = BCAST_STAMP_NONE;
	how.flags = BCAST_CHECKSUM;
	assert_int_equal(bcast_publisher_open(node, &how, &publisher), 0);
	publish("right");
	publish("");
	publish("wrong");
	payload = bc_ring_address(&tailed->stream.ring, 64 + 32 + 32);
	payload[0] ^= 1;

	assert_int_equal(tailed_run(tailed, "--no-follow --headers"), 0);

	assert_out(tailed, "1 0.000000000 0 5 right\n"
			   "2 0.000000000 0 0 none\n"
			   "3 0.000000000 0 5 wrong\n");
}

static void reading_begins_at_a_number(void **state)
{
	struct tailed *tailed = *state;

	three_records(tailed);
	assert_int_equal(tailed_run(tailed, "-f seq:2 --no-follow --headers"),
			 0);
	assert_out(tailed, "2 0.000000000 7 0 none\n3 0.000000000 7 33 none\n");
	assert_int_equal(tailed_run(tailed, "-f seq:4 --no-follow --headers"),
			 0);
	assert_out(tailed, "");
	assert_int_equal(tailed_run(tailed, "-f seq:5 --no-follow"), EX_USAGE);
	tailed_assert_said(&tailed->tool, "record 5 is beyond");
}

static void reading_begins_at_a_time(void **state)
{
	struct tailed *tailed = *state;

	open_packets(tailed);
	bcast_publisher_close(publisher);
	assert_int_equal(bcast_publisher_open(node, NULL, &publisher), 0);
	publish("one");
	publish("two");
	assert_int_equal(tailed_run(tailed, "-f time:-60s --no-follow --lines"),
			 0);
	assert_out(tailed, "one\ntwo\n");
	assert_int_equal(
		tailed_run(tailed, "-f time:@9999999999 --no-follow --lines"),
		0);
	assert_out(tailed, "");
}

static void forms_are_of_packets_only(void **state)
{
	static const char *const forms[] = {"--payload", "--lines",
					    "--headers"};
	struct tailed *tailed = *state;

	tool_stream_create(&tailed->stream, tailed->name);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(tailed_run(tailed, forms[i]), EX_USAGE);
		tailed_assert_said(&tailed->tool, "not of packets");
	}
}

int main(void)
{
#define TAIL_TEST(f) \
	cmocka_unit_test_setup_teardown(f, tailed_set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TAIL_TEST(records_are_shown_in_the_form_asked_for),
		TAIL_TEST(without_a_form_headers_are_copied_too),
		TAIL_TEST(bytes_may_cut_a_record),
		TAIL_TEST(every_record_of_many_laps_is_copied),
		TAIL_TEST(lapped_one_is_told_of_records),
		TAIL_TEST(a_checksum_is_said_to_be_right_or_wrong),
		TAIL_TEST(reading_begins_at_a_number),
		TAIL_TEST(reading_begins_at_a_time),
		TAIL_TEST(forms_are_of_packets_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
