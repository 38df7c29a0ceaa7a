/* SPDX-License-Identifier: MIT */
/* test_packet_stream.c - records out of bytes in whatever pieces they come. */
#include "net/packet_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "scarce.h"
#include "shm/checksum.h"

#define DATA_MAX    UINT32_C(100000)
#define MESSAGE_MAX UINT32_C(5000)

static const struct bc_packet_limits limits = {
	.data_max = DATA_MAX,
	.message_max = MESSAGE_MAX,
};

/* ---- Helpers ----------------------------------------------------------- */

static unsigned char pattern(uint64_t sequence, size_t at)
{
	return (unsigned char)(sequence * 31 + at * 7 + (at >> 8));
}

static void fill(unsigned char *payload, uint64_t sequence, size_t length)
{
	for (size_t i = 0; i < length; i++)
		payload[i] = pattern(sequence, i);
}

/* Append a DATA record to `to`, with its checksum if the number is odd. */
static size_t put(unsigned char *to, uint64_t sequence, uint32_t length)
{
	unsigned char *payload = malloc(length + 1u);
	struct bcast_packet_header header = {
		.length = length,
		.type = BCAST_PACKET_DATA,
		.sequence = sequence,
		.key_length = length > 3 ? 3 : 0,
	};
	size_t size;

	assert_non_null(payload);
	fill(payload, sequence, length);
	if (sequence & 1)
		header.crc32c = bc_checksum(0, payload, length);
	size = bc_packet_write(to, &header, payload);
	free(payload);
	return size;
}

static const uint32_t lengths[] = {0, 1, 31, 32, 33, 64, 200};
#define RECORDS (sizeof(lengths) / sizeof(lengths[0]))

static size_t put_all(unsigned char *to)
{
	size_t size = 0;

	for (size_t i = 0; i < RECORDS; i++)
		size += put(to + size, i + 1, lengths[i]);
	return size;
}

static void assert_is(const struct bc_packet_frame *frame, uint64_t sequence)
{
	uint32_t length = lengths[sequence - 1];

	assert_int_equal(frame->header.sequence, sequence);
	assert_int_equal(frame->header.length, length);
	assert_int_equal(frame->header.key_length, length > 3 ? 3 : 0);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(frame->payload[i], pattern(sequence, i));
}

/* Feed a piece, which must be used up; count the records that come. */
static void feed(struct bc_packet_stream *stream, const unsigned char *bytes,
		 size_t size, uint64_t *count)
{
	struct bc_packet_piece piece = {bytes, size};
	struct bc_packet_frame frame;
	int ret;

	while ((ret = bc_packet_stream_next(stream, &piece, &frame)) == 1)
		assert_is(&frame, ++*count);
	assert_int_equal(ret, 0);
	assert_int_equal(piece.size, 0);
}

/* What becomes of a single header with nothing behind it. */
static int judge(struct bcast_packet_header header)
{
	return bc_packet_check_header(&header, &limits);
}

static int judge_data(uint32_t length)
{
	return judge((struct bcast_packet_header){
		.length = length, .type = BCAST_PACKET_DATA, .sequence = 1});
}

static int judge_control(uint16_t type, uint32_t length)
{
	return judge(
		(struct bcast_packet_header){.length = length, .type = type});
}

/* The first result for these bytes in one piece, which is not the last. */
static int first_of(const unsigned char *bytes, size_t size)
{
	struct bc_packet_stream stream;
	struct bc_packet_piece piece = {bytes, size};
	struct bc_packet_frame frame;
	int ret;

	bc_packet_stream_init(&stream, &limits);
	ret = bc_packet_stream_next(&stream, &piece, &frame);
	bc_packet_stream_fini(&stream);
	return ret;
}

/* ---- Pieces ------------------------------------------------------------ */

static void one_piece_gives_all_records(void **state)
{
	unsigned char bytes[2048];
	size_t size = put_all(bytes);
	struct bc_packet_stream stream;
	uint64_t count = 0;

	(void)state;
	bc_packet_stream_init(&stream, &limits);

	feed(&stream, bytes, size, &count);

	assert_int_equal(count, RECORDS);
	assert_true(bc_packet_stream_between(&stream));
	bc_packet_stream_fini(&stream);
}

static void every_split_in_three_gives_the_same_records(void **state)
{
	unsigned char bytes[2048];
	size_t size = put_all(bytes);

	(void)state;
	for (size_t a = 0; a <= size; a++) {
		for (size_t b = a; b <= size; b += 1 + (b - a) / 40) {
			struct bc_packet_stream stream;
			uint64_t count = 0;

			bc_packet_stream_init(&stream, &limits);
			feed(&stream, bytes, a, &count);
			feed(&stream, bytes + a, b - a, &count);
			feed(&stream, bytes + b, size - b, &count);

			assert_int_equal(count, RECORDS);
			assert_true(bc_packet_stream_between(&stream));
			assert_int_equal(scarce_live(), 0);
			bc_packet_stream_fini(&stream);
		}
	}
}

static void pieces_of_every_size_give_the_same_records(void **state)
{
	unsigned char bytes[2048];
	size_t size = put_all(bytes);

	(void)state;
	for (size_t step = 1; step <= size; step++) {
		struct bc_packet_stream stream;
		uint64_t count = 0;

		bc_packet_stream_init(&stream, &limits);
		for (size_t at = 0; at < size; at += step)
			feed(&stream, bytes + at,
			     size - at < step ? size - at : step, &count);

		assert_int_equal(count, RECORDS);
		bc_packet_stream_fini(&stream);
	}
}

static void between_is_true_at_the_ends_of_records_only(void **state)
{
	unsigned char bytes[256];
	size_t size = put(bytes, 5, lengths[4]);
	struct bc_packet_stream stream;
	uint64_t count = 4;

	(void)state;
	bc_packet_stream_init(&stream, &limits);
	assert_true(bc_packet_stream_between(&stream));
	for (size_t at = 0; at < size; at++) {
		feed(&stream, bytes + at, 1, &count);
		assert_int_equal(bc_packet_stream_between(&stream),
				 at + 1 == size);
	}
	assert_int_equal(count, 5);
	bc_packet_stream_fini(&stream);
}

static void an_empty_piece_changes_nothing(void **state)
{
	struct bc_packet_stream stream;
	struct bc_packet_piece piece = {NULL, 0};
	struct bc_packet_frame frame;

	(void)state;
	bc_packet_stream_init(&stream, &limits);

	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame), 0);

	assert_true(bc_packet_stream_between(&stream));
	bc_packet_stream_fini(&stream);
}

/* ---- Memory ------------------------------------------------------------ */

static void a_record_whole_in_the_piece_is_used_in_place(void **state)
{
	unsigned char bytes[1024];
	struct bc_packet_piece piece = {bytes, put(bytes, 7, lengths[6])};
	struct bc_packet_stream stream;
	struct bc_packet_frame frame;

	(void)state;
	bc_packet_stream_init(&stream, &limits);
	scarce_at(1);

	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame), 1);

	assert_false(scarce_has_failed());
	scarce_at(0);
	assert_ptr_equal(frame.payload, bytes + sizeof(frame.header));
}

static void a_header_that_came_before_costs_no_copy(void **state)
{
	unsigned char bytes[1024];
	size_t size = put(bytes, 7, lengths[6]);
	struct bc_packet_stream stream;
	struct bc_packet_piece piece = {bytes, 32};
	struct bc_packet_frame frame;

	(void)state;
	bc_packet_stream_init(&stream, &limits);
	scarce_at(1);
	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame), 0);
	piece = (struct bc_packet_piece){bytes + 32, size - 32};

	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame), 1);

	assert_false(scarce_has_failed());
	scarce_at(0);
	assert_ptr_equal(frame.payload, bytes + 32);
}

static void no_memory_is_asked_for_before_the_length_is_judged(void **state)
{
	struct bcast_packet_header header = {
		.length = DATA_MAX + 1,
		.type = BCAST_PACKET_DATA,
		.sequence = 1,
	};
	unsigned char bytes[64] = {0};

	(void)state;
	memcpy(bytes, &header, sizeof(header));
	for (size_t split = 0; split <= sizeof(header); split++) {
		struct bc_packet_stream stream;
		struct bc_packet_piece piece = {bytes, split};
		struct bc_packet_frame frame;
		int ret;

		bc_packet_stream_init(&stream, &limits);
		scarce_at(1);
		ret = bc_packet_stream_next(&stream, &piece, &frame);
		piece = (struct bc_packet_piece){bytes + split,
						 sizeof(bytes) - split};
		if (ret == 0)
			ret = bc_packet_stream_next(&stream, &piece, &frame);

		assert_int_equal(ret, -EMSGSIZE);
		assert_false(scarce_has_failed());
		scarce_at(0);
		bc_packet_stream_fini(&stream);
	}
}

static void memory_grows_with_what_has_come(void **state)
{
	unsigned char *bytes = malloc(DATA_MAX + 64);
	struct bc_packet_stream stream;
	struct bc_packet_frame frame;
	size_t size;

	(void)state;
	assert_non_null(bytes);
	size = put(bytes, 1, DATA_MAX);
	bc_packet_stream_init(&stream, &limits);
	for (size_t at = 0; at < size - 1000; at += 1000) {
		struct bc_packet_piece piece = {bytes + at, 1000};

		assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame),
				 0);
		assert_true(stream.room <= 4096 ||
			    stream.room <= 2 * (at + 1000));
	}
	assert_true(stream.room <= DATA_MAX);
	bc_packet_stream_fini(&stream);
	assert_int_equal(stream.room, 0);
	free(bytes);
}

static void memory_of_a_record_is_given_back_with_the_next_call(void **state)
{
	unsigned char bytes[1024];
	size_t size = put(bytes, 7, lengths[6]);
	struct bc_packet_stream stream;
	struct bc_packet_piece piece = {bytes, 40};
	struct bc_packet_frame frame;
	unsigned before = scarce_live();

	(void)state;
	bc_packet_stream_init(&stream, &limits);
	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame), 0);
	assert_int_equal(scarce_live(), before + 1);
	piece = (struct bc_packet_piece){bytes + 40, size - 40};
	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame), 1);
	assert_is(&frame, 7);

	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame), 0);

	assert_int_equal(scarce_live(), before);
}

static void no_memory_is_an_error(void **state)
{
	unsigned char bytes[1024];
	struct bc_packet_stream stream;
	struct bc_packet_piece piece = {bytes, put(bytes, 7, lengths[6]) - 1};
	struct bc_packet_frame frame;

	(void)state;
	bc_packet_stream_init(&stream, &limits);
	scarce_at(1);

	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame),
			 -ENOMEM);

	assert_true(scarce_has_failed());
	scarce_at(0);
	bc_packet_stream_fini(&stream);
}

static void fini_is_safe_on_a_zeroed_stream_and_twice(void **state)
{
	struct bc_packet_stream stream = {.kept = NULL};

	(void)state;
	bc_packet_stream_fini(&stream);
	bc_packet_stream_fini(&stream);
}

/* ---- Headers ----------------------------------------------------------- */

static void payloads_of_the_stream_have_their_limit(void **state)
{
	(void)state;
	assert_int_equal(judge_data(DATA_MAX - 1), 0);
	assert_int_equal(judge_data(DATA_MAX), 0);
	assert_int_equal(judge_data(DATA_MAX + 1), -EMSGSIZE);
}

static void no_limit_is_above_the_largest_payload(void **state)
{
	const struct bc_packet_limits all = {UINT32_MAX, UINT32_MAX};
	struct bcast_packet_header header = {
		.length = BCAST_PAYLOAD_MAX,
		.type = BCAST_PACKET_DATA,
		.sequence = 1,
	};

	(void)state;
	assert_int_equal(bc_packet_check_header(&header, &all), 0);
	header.length = BCAST_PAYLOAD_MAX + 1;
	assert_int_equal(bc_packet_check_header(&header, &all), -EMSGSIZE);
	header.length = UINT32_MAX;
	assert_int_equal(bc_packet_check_header(&header, &all), -EMSGSIZE);
	header.type = BCAST_PACKET_MESSAGE;
	header.sequence = 0;
	assert_int_equal(bc_packet_check_header(&header, &all), -EMSGSIZE);
}

static void absurd_lengths_are_refused_for_every_type(void **state)
{
	(void)state;
	for (unsigned type = 1; type <= UINT16_MAX; type += 7) {
		struct bcast_packet_header header = {
			.length = UINT32_MAX,
			.type = (uint16_t)type,
			.sequence = type < BCAST_PACKET_CONTROL,
		};

		assert_true(judge(header) < 0);
	}
}

static void no_record_of_the_stream_may_come_where_there_is_no_limit(
	void **state)
{
	const struct bc_packet_limits none = {0, MESSAGE_MAX};
	struct bcast_packet_header header = {
		.type = BCAST_PACKET_DATA,
		.sequence = 1,
	};

	(void)state;
	assert_int_equal(bc_packet_check_header(&header, &none), -EPROTO);
	header.type = 77;
	assert_int_equal(bc_packet_check_header(&header, &none), -EPROTO);
}

static void control_records_have_their_limits(void **state)
{
	static const struct {
		uint16_t type;
		uint32_t max;
	} rows[] = {
		{BCAST_PACKET_HELLO, BCAST_HELLO_MAX},
		{BCAST_PACKET_WELCOME, BCAST_CONTROL_MAX},
		{BCAST_PACKET_REJECT, BCAST_CONTROL_MAX},
		{BCAST_PACKET_HEARTBEAT, BCAST_CONTROL_MAX},
		{BCAST_PACKET_GAP, BCAST_CONTROL_MAX},
		{BCAST_PACKET_ACK, BCAST_CONTROL_MAX},
		{BCAST_PACKET_PING, BCAST_PING_MAX},
		{BCAST_PACKET_PONG, BCAST_PING_MAX},
		{BCAST_PACKET_MESSAGE, MESSAGE_MAX},
		{BCAST_PACKET_RESULT, BCAST_CONTROL_MAX},
		{BCAST_PACKET_NODES, MESSAGE_MAX},
		{BCAST_PACKET_END, BCAST_CONTROL_MAX},
		{0xfffe, BCAST_CONTROL_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t type = rows[i].type;
		uint32_t max = rows[i].max;

		assert_int_equal(judge_control(type, max - 1), 0);
		assert_int_equal(judge_control(type, max), 0);
		assert_int_equal(judge_control(type, max + 1), -EMSGSIZE);
	}
}

static void a_key_is_no_longer_than_the_payload(void **state)
{
	struct bcast_packet_header header = {
		.length = 10,
		.type = BCAST_PACKET_DATA,
		.sequence = 1,
		.key_length = 9,
	};

	(void)state;
	assert_int_equal(judge(header), 0);
	header.key_length = 10;
	assert_int_equal(judge(header), 0);
	header.key_length = 11;
	assert_int_equal(judge(header), -EPROTO);
}

static void type_0_and_reserved_flags_are_refused(void **state)
{
	struct bcast_packet_header header = {.sequence = 1};

	(void)state;
	assert_int_equal(judge(header), -EPROTO);
	assert_int_equal(judge_control(BCAST_PACKET_CONTROL, 0), -EPROTO);
	header.type = BCAST_PACKET_DATA;
	for (unsigned bit = 0; bit < 16; bit++) {
		header.flags = (uint16_t)(1u << bit);
		assert_int_equal(judge(header), bit == 0 ? 0 : -EPROTO);
	}
}

static void a_record_of_the_stream_has_a_number(void **state)
{
	struct bcast_packet_header header = {.type = BCAST_PACKET_DATA};

	(void)state;
	assert_int_equal(judge(header), -EPROTO);
	header.sequence = UINT64_MAX;
	assert_int_equal(judge(header), 0);
}

static void unknown_types_pass_unless_they_must_be_known(void **state)
{
	struct bcast_packet_header header = {.type = 0x7fff, .sequence = 1};

	(void)state;
	assert_int_equal(judge(header), 0);
	header.flags = BCAST_PACKET_MUST;
	assert_int_equal(judge(header), -EPROTO);
	header.type = 0xff00;
	assert_int_equal(judge(header), -EPROTO);
	header.flags = 0;
	header.timestamp_ns = 1;
	header.source = 2;
	assert_int_equal(judge(header), 0);
	header.type = BCAST_PACKET_DATA;
	header.flags = BCAST_PACKET_MUST;
	assert_int_equal(judge(header), 0);
}

static void fields_that_are_not_named_for_a_type_are_0(void **state)
{
	static const struct {
		uint16_t type;
		int sequence, source, key, time;
	} rows[] = {
		{BCAST_PACKET_HELLO, -EPROTO, -EPROTO, -EPROTO, -EPROTO},
		{BCAST_PACKET_HEARTBEAT, -EPROTO, -EPROTO, -EPROTO, -EPROTO},
		{BCAST_PACKET_PING, 0, -EPROTO, -EPROTO, -EPROTO},
		{BCAST_PACKET_PONG, 0, -EPROTO, -EPROTO, -EPROTO},
		{BCAST_PACKET_MESSAGE, 0, 0, 0, 0},
		{BCAST_PACKET_NODES, 0, -EPROTO, -EPROTO, -EPROTO},
		{BCAST_PACKET_END, -EPROTO, -EPROTO, -EPROTO, -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bcast_packet_header header = {
			.type = rows[i].type,
			.length = 8,
			.crc32c = 1,
		};

		assert_int_equal(judge(header), 0);
		header.sequence = 1;
		assert_int_equal(judge(header), rows[i].sequence);
		header.sequence = 0;
		header.source = 1;
		assert_int_equal(judge(header), rows[i].source);
		header.source = 0;
		header.key_length = 1;
		assert_int_equal(judge(header), rows[i].key);
		header.key_length = 0;
		header.timestamp_ns = 1;
		assert_int_equal(judge(header), rows[i].time);
	}
}

/* ---- Payloads ---------------------------------------------------------- */

static void a_damaged_payload_is_found_by_its_checksum(void **state)
{
	unsigned char bytes[1024];
	size_t size = put(bytes, 7, lengths[6]);

	(void)state;
	assert_int_equal(first_of(bytes, size), 1);
	for (size_t i = 0; i < lengths[6]; i++) {
		bytes[32 + i] ^= 0x10;
		assert_int_equal(first_of(bytes, size), -EBADMSG);
		bytes[32 + i] ^= 0x10;
	}
}

static void a_damaged_payload_is_found_in_pieces_too(void **state)
{
	unsigned char bytes[1024];
	size_t size = put(bytes, 7, lengths[6]);
	struct bc_packet_stream stream;
	struct bc_packet_piece piece = {bytes, 100};
	struct bc_packet_frame frame;

	(void)state;
	bytes[120] ^= 1;
	bc_packet_stream_init(&stream, &limits);
	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame), 0);
	piece = (struct bc_packet_piece){bytes + 100, size - 100};

	assert_int_equal(bc_packet_stream_next(&stream, &piece, &frame),
			 -EBADMSG);

	bc_packet_stream_fini(&stream);
	assert_int_equal(scarce_live(), 0);
}

static void no_checksum_is_no_error(void **state)
{
	unsigned char bytes[1024];
	size_t size = put(bytes, 6, lengths[5]);

	(void)state;
	bytes[40] ^= 1;
	assert_int_equal(first_of(bytes, size), 1);
}

static void padding_is_not_looked_at(void **state)
{
	unsigned char bytes[1024];
	size_t size = put(bytes, 5, lengths[4]);

	(void)state;
	bytes[size - 1] = 0xff;
	assert_int_equal(first_of(bytes, size), 1);
}

static void a_written_record_ends_in_zeros(void **state)
{
	unsigned char bytes[96];
	struct bcast_packet_header header = {
		.length = 33,
		.type = BCAST_PACKET_DATA,
		.sequence = 9,
	};
	unsigned char payload[33];

	(void)state;
	memset(bytes, 0xaa, sizeof(bytes));
	memset(payload, 0x55, sizeof(payload));

	assert_int_equal(bc_packet_write(bytes, &header, payload), 96);

	assert_memory_equal(bytes, &header, 32);
	assert_memory_equal(bytes + 32, payload, 33);
	for (size_t i = 65; i < 96; i++)
		assert_int_equal(bytes[i], 0);
	header.length = 0;
	assert_int_equal(bc_packet_write(bytes, &header, NULL), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_piece_gives_all_records),
		cmocka_unit_test(every_split_in_three_gives_the_same_records),
		cmocka_unit_test(pieces_of_every_size_give_the_same_records),
		cmocka_unit_test(between_is_true_at_the_ends_of_records_only),
		cmocka_unit_test(an_empty_piece_changes_nothing),
		cmocka_unit_test(a_record_whole_in_the_piece_is_used_in_place),
		cmocka_unit_test(a_header_that_came_before_costs_no_copy),
		cmocka_unit_test(
			no_memory_is_asked_for_before_the_length_is_judged),
		cmocka_unit_test(memory_grows_with_what_has_come),
		cmocka_unit_test(
			memory_of_a_record_is_given_back_with_the_next_call),
		cmocka_unit_test(no_memory_is_an_error),
		cmocka_unit_test(fini_is_safe_on_a_zeroed_stream_and_twice),
		cmocka_unit_test(payloads_of_the_stream_have_their_limit),
		cmocka_unit_test(no_limit_is_above_the_largest_payload),
		cmocka_unit_test(absurd_lengths_are_refused_for_every_type),
		cmocka_unit_test(
			no_record_of_the_stream_may_come_where_there_is_no_limit),
		cmocka_unit_test(control_records_have_their_limits),
		cmocka_unit_test(a_key_is_no_longer_than_the_payload),
		cmocka_unit_test(type_0_and_reserved_flags_are_refused),
		cmocka_unit_test(a_record_of_the_stream_has_a_number),
		cmocka_unit_test(unknown_types_pass_unless_they_must_be_known),
		cmocka_unit_test(fields_that_are_not_named_for_a_type_are_0),
		cmocka_unit_test(a_damaged_payload_is_found_by_its_checksum),
		cmocka_unit_test(a_damaged_payload_is_found_in_pieces_too),
		cmocka_unit_test(no_checksum_is_no_error),
		cmocka_unit_test(padding_is_not_looked_at),
		cmocka_unit_test(a_written_record_ends_in_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
