/* SPDX-License-Identifier: MIT */
/* A publisher's records, checked and stamped where they stand. */
#include <errno.h>
#include <string.h>

#include "support.h"

#include "shm/checksum.h"
#include "src/publish_span.h"

#define DATA_MAX 1000u
#define NOW	 UINT64_C(1700000000000000000)
#define ROOM	 (64u * 1024u)

static struct publish_rules rules;
static _Alignas(BCAST_PACKET_ALIGN) unsigned char memory[ROOM];
static size_t filled;
static struct publish_span span;

static int prepare(void **state)
{
	(void)state;
	rules = (struct publish_rules){
		.limits = {.data_max = DATA_MAX,
			   .message_max = BCAST_CONTROL_MAX},
		.source = 7,
	};
	filled = 0;
	memset(memory, 0xee, sizeof(memory));
	span = (struct publish_span){
		.bytes = memory,
		.accepted = 10,
		.sequence = 100,
		.timestamp_ns = NOW,
		.most = UINT64_MAX,
	};
	return 0;
}

/* Padding is what nobody has zeroed. */
static void add(struct bcast_packet_header header, const void *payload)
{
	size_t size = bcast_packet_size(header.length);

	memcpy(memory + filled, &header, sizeof(header));
	if (header.length > 0)
		memcpy(memory + filled + sizeof(header), payload,
		       header.length);
	filled += size;
	span.have = filled;
}

static void add_data(uint64_t number, const char *text)
{
	add((struct bcast_packet_header){.length = (uint32_t)strlen(text),
					 .type = BCAST_PACKET_DATA,
					 .sequence = number},
	    text);
}

static void add_ping(const char *text)
{
	add((struct bcast_packet_header){.length = (uint32_t)strlen(text),
					 .type = BCAST_PACKET_PING},
	    text);
}

static int next(struct bc_packet_frame *control)
{
	return publish_span_next(&span, &rules, control);
}

static int run(void)
{
	struct bc_packet_frame control;
	int ret = 1;

	while (ret == 1)
		ret = next(&control);
	return ret;
}

/* The record at `at` of the good ones; returns where the next one is. */
static size_t expect(size_t at, uint64_t sequence, const char *text)
{
	const struct bcast_packet_header *header =
		bcast_packet_in(memory, span.done, at);
	size_t size = bcast_packet_size((uint32_t)strlen(text));

	assert_non_null(header);
	assert_int_equal(header->length, strlen(text));
	assert_int_equal(header->type, BCAST_PACKET_DATA);
	assert_int_equal(header->sequence, sequence);
	assert_int_equal(header->source, 7);
	assert_memory_equal(header + 1, text, strlen(text));
	for (size_t i = sizeof(*header) + strlen(text); i < size; i++)
		assert_int_equal(memory[at + i], 0);
	return at + size;
}

static void records_get_number_source_and_time(void **state)
{
	const struct bcast_packet_header *header =
		(const void *)(memory + bcast_packet_size(3));

	(void)state;
	add_data(11, "one");
	add((struct bcast_packet_header){.length = 3,
					 .type = BCAST_PACKET_DATA,
					 .sequence = 12,
					 .timestamp_ns = 5,
					 .source = 99},
	    "two");

	assert_int_equal(run(), 0);

	assert_int_equal(expect(expect(0, 100, "one"), 101, "two"), filled);
	assert_int_equal(span.done, filled);
	assert_int_equal(span.accepted, 12);
	assert_int_equal(span.sequence, 102);
	assert_int_equal(header->timestamp_ns, 5);
	header = (const void *)memory;
	assert_int_equal(header->timestamp_ns, NOW);
}

static void what_is_not_whole_stays_as_it_is(void **state)
{
	unsigned char rest[64];

	(void)state;
	add_data(11, "one");
	add_data(12, "of this one some is missing");
	memcpy(rest, memory + bcast_packet_size(3), sizeof(rest));
	for (size_t have = bcast_packet_size(3); have < filled; have++) {
		prepare(NULL);
		add_data(11, "one");
		add_data(12, "of this one some is missing");
		span.have = have;

		assert_int_equal(run(), 0);

		assert_int_equal(span.done, bcast_packet_size(3));
		assert_int_equal(span.have, have);
		assert_int_equal(span.accepted, 11);
		assert_memory_equal(memory + span.done, rest,
				    span.have - span.done);
	}
}

static void what_is_for_the_daemon_is_taken_out(void **state)
{
	struct bc_packet_frame control;

	(void)state;
	add_ping("first");
	add_data(11, "one");
	add_ping("second");
	add_data(12, "two");
	add_data(13, "begun only");
	span.have -= 32;

	assert_int_equal(next(&control), 1);
	assert_memory_equal(control.payload, "first", 5);
	assert_int_equal(next(&control), 1);
	assert_memory_equal(control.payload, "second", 6);
	assert_int_equal(next(&control), 0);

	assert_int_equal(expect(expect(0, 100, "one"), 101, "two"), span.done);
	assert_int_equal(span.have, span.done + 32);
	assert_int_equal(
		((struct bcast_packet_header *)(void *)(memory + span.done))
			->length,
		10);
}

static void duplicates_are_dropped(void **state)
{
	(void)state;
	add_data(9, "old");
	add_data(10, "the last");
	add_data(11, "one");
	add_data(11, "again");
	add_data(12, "two");

	assert_int_equal(run(), 0);

	assert_int_equal(expect(expect(0, 100, "one"), 101, "two"), span.done);
	assert_int_equal(span.have, span.done);
	assert_int_equal(span.duplicates, 3);
	assert_int_equal(span.accepted, 12);
}

/* The good ones before stay; what is behind is not looked at. */
static void expect_refused(int error)
{
	add_data(12, "behind");

	assert_int_equal(run(), error);

	assert_int_equal(expect(0, 100, "one"), span.done);
	assert_int_equal(span.have, span.done);
	assert_int_equal(span.accepted, 11);
	prepare(NULL);
}

static void wrong_records_end_it_behind_the_good_ones(void **state)
{
	const struct bcast_packet_header data = {
		.length = 3,
		.type = BCAST_PACKET_DATA,
		.sequence = 12,
	};
	struct bcast_packet_header wrong;

	(void)state;
	add_data(11, "one");
	add_data(13, "a gap");
	expect_refused(-ERANGE);

	add_data(11, "one");
	wrong = data;
	wrong.crc32c = 1;
	add(wrong, "two");
	expect_refused(-EBADMSG);

	add_data(11, "one");
	wrong = data;
	wrong.type = BCAST_PACKET_PAD;
	add(wrong, "two");
	expect_refused(-ENOMSG);

	add_data(11, "one");
	wrong = data;
	wrong.key_length = 4;
	add(wrong, "two");
	expect_refused(-EPROTO);

	add_data(11, "one");
	wrong = data;
	wrong.sequence = 0;
	add(wrong, "two");
	expect_refused(-EPROTO);
}

static void length_has_a_limit(void **state)
{
	static const char payload[DATA_MAX + 1];

	(void)state;
	for (uint32_t length = DATA_MAX - 1; length <= DATA_MAX + 1; length++) {
		prepare(NULL);
		add((struct bcast_packet_header){.length = length,
						 .type = BCAST_PACKET_DATA,
						 .sequence = 11},
		    payload);
		assert_int_equal(run(), length <= DATA_MAX ? 0 : -EMSGSIZE);
	}
}

/* As soon as the header is there: nothing is waited for. */
static void absurd_length_is_refused_by_its_header(void **state)
{
	(void)state;
	add_data(11, "one");
	add_data(12, "two");
	((struct bcast_packet_header *)(void *)(memory + bcast_packet_size(3)))
		->length = UINT32_MAX;
	span.have = bcast_packet_size(3) + sizeof(struct bcast_packet_header);

	assert_int_equal(run(), -EMSGSIZE);
	assert_int_equal(span.done, bcast_packet_size(3));
}

static void promised_checksums_must_be_there(void **state)
{
	struct bcast_packet_header header = {
		.length = 3,
		.type = BCAST_PACKET_DATA,
		.sequence = 11,
		.crc32c = bc_checksum(0, "one", 3),
	};

	(void)state;
	rules.checksums = true;
	add(header, "one");
	header.sequence = 12;
	header.crc32c = bc_checksum(0, "two", 3);
	add(header, "two");
	/* of no bytes it is 0 */
	add_data(13, "");
	add_data(14, "none");

	assert_int_equal(run(), -ENOKEY);
	assert_int_equal(span.accepted, 13);
}

/* A rate of records: what is left is as it came, and taken up from there. */
static void no_more_are_taken_than_may_be(void **state)
{
	(void)state;
	add_data(11, "one");
	add_ping("?");
	add_data(12, "two");
	add_data(13, "three");
	span.most = 1;

	assert_int_equal(run(), 0);

	assert_true(span.left);
	assert_int_equal(span.accepted, 11);
	assert_int_equal(expect(0, 100, "one"), span.done);
	assert_int_equal(span.have, span.done + 2 * bcast_packet_size(5));
	span.most = 2;
	span.left = false;
	assert_int_equal(run(), 0);
	assert_false(span.left);
	assert_int_equal(span.accepted, 13);
	assert_int_equal(
		expect(expect(expect(0, 100, "one"), 101, "two"), 102, "three"),
		span.done);
	assert_int_equal(span.have, span.done);
}

/* What is no whole record, or none for the stream, is not waited for. */
static void only_whole_records_of_the_stream_are_left(void **state)
{
	(void)state;
	add_data(10, "again");
	add_ping("?");
	add_data(11, "one");
	span.have -= 1;
	span.most = 0;

	assert_int_equal(run(), 0);

	assert_false(span.left);
	assert_int_equal(span.duplicates, 1);
	span.have += 1;
	assert_int_equal(run(), 0);
	assert_true(span.left);
	assert_int_equal(span.accepted, 10);
	assert_int_equal(span.done, 0);
}

#define SPAN_TEST(f) cmocka_unit_test_setup(f, prepare)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPAN_TEST(records_get_number_source_and_time),
		SPAN_TEST(what_is_not_whole_stays_as_it_is),
		SPAN_TEST(what_is_for_the_daemon_is_taken_out),
		SPAN_TEST(duplicates_are_dropped),
		SPAN_TEST(wrong_records_end_it_behind_the_good_ones),
		SPAN_TEST(length_has_a_limit),
		SPAN_TEST(absurd_length_is_refused_by_its_header),
		SPAN_TEST(promised_checksums_must_be_there),
		SPAN_TEST(no_more_are_taken_than_may_be),
		SPAN_TEST(only_whole_records_of_the_stream_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
