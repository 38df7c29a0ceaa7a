/* SPDX-License-Identifier: MIT */
/* What an echo client sends, in whatever pieces, is what it gets back. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "net/echo_stream.h"
#include "support.h"

#define LENGTH_MAX 100u
#define BYTES_MAX  1024u

struct bytes {
	unsigned char at[BYTES_MAX];
	size_t size;
};

static void add_packet(struct bytes *bytes, uint32_t type, uint32_t length,
		       size_t payload)
{
	const struct bcast_echo_header header = {htonl(type), htonl(length)};

	assert_true(bytes->size + sizeof(header) + payload <= BYTES_MAX);
	memcpy(bytes->at + bytes->size, &header, sizeof(header));
	bytes->size += sizeof(header);
	test_pattern_fill(5, bytes->size, bytes->at + bytes->size, payload);
	bytes->size += payload;
}

/* Packets of many lengths, as they are sent, or as they are to come back. */
static struct bytes make_packets(uint32_t type)
{
	static const uint32_t lengths[] = {1, 0, 7, 0, 0, 8, 9, LENGTH_MAX, 3};
	struct bytes bytes = {.size = 0};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		add_packet(&bytes, type, lengths[i], lengths[i]);
	return bytes;
}

/* Put a piece through. Returns what the stream said to its last part. */
static int put(struct bc_echo_stream *stream, const struct bytes *from,
	       size_t start, size_t end, struct bytes *back)
{
	unsigned char piece[BYTES_MAX];
	struct bc_echo_part part;
	size_t at = 0, size = end - start;
	int found = 0;

	memcpy(piece, from->at + start, size);
	while (at < size) {
		found = bc_echo_stream_next(stream, piece + at, size - at,
					    &part);
		if (found < 0)
			return found;
		assert_in_range(part.taken, 1, size - at);
		assert_true(back->size + part.size <= BYTES_MAX);
		if (part.size > 0)
			memcpy(back->at + back->size, part.bytes, part.size);
		back->size += part.size;
		at += part.taken;
	}
	return found;
}

static int put_all(struct bc_echo_stream *stream, const struct bytes *from,
		   struct bytes *back)
{
	return put(stream, from, 0, from->size, back);
}

/* ---- Pieces ------------------------------------------------------------ */

static void assert_comes_back(size_t first, size_t second)
{
	const struct bytes sent = make_packets(BCAST_ECHO_SEND);
	const struct bytes expected = make_packets(BCAST_ECHO_ECHO);
	struct bc_echo_stream stream;
	struct bytes back = {.size = 0};

	bc_echo_stream_init(&stream, LENGTH_MAX);
	assert_true(put(&stream, &sent, 0, first, &back) >= 0);
	assert_true(put(&stream, &sent, first, second, &back) >= 0);
	assert_true(put(&stream, &sent, second, sent.size, &back) >= 0);

	assert_int_equal(back.size, expected.size);
	assert_memory_equal(back.at, expected.at, expected.size);
	assert_true(bc_echo_stream_between(&stream));
}

static void every_split_in_three_gives_the_same(void **state)
{
	const size_t size = make_packets(BCAST_ECHO_SEND).size;

	(void)state;
	for (size_t first = 0; first <= size; first++)
		for (size_t second = first; second <= size; second++)
			assert_comes_back(first, second);
}

static void every_piece_size_gives_the_same(void **state)
{
	const struct bytes sent = make_packets(BCAST_ECHO_SEND);
	const struct bytes expected = make_packets(BCAST_ECHO_ECHO);

	(void)state;
	for (size_t step = 1; step <= sent.size; step++) {
		struct bc_echo_stream stream;
		struct bytes back = {.size = 0};

		bc_echo_stream_init(&stream, LENGTH_MAX);
		for (size_t at = 0; at < sent.size; at += step) {
			size_t end =
				at + step < sent.size ? at + step : sent.size;

			assert_true(put(&stream, &sent, at, end, &back) >= 0);
		}

		assert_int_equal(back.size, expected.size);
		assert_memory_equal(back.at, expected.at, expected.size);
	}
}

static void header_that_is_not_whole_gives_nothing_back(void **state)
{
	struct bytes sent = {.size = 0}, back = {.size = 0};
	struct bc_echo_stream stream;

	(void)state;
	add_packet(&sent, BCAST_ECHO_SEND, 4, 4);
	bc_echo_stream_init(&stream, LENGTH_MAX);
	for (size_t at = 0; at < BCAST_ECHO_HEADER_BYTES - 1; at++) {
		assert_int_equal(put(&stream, &sent, at, at + 1, &back),
				 BC_ECHO_NOTHING);
		assert_int_equal(back.size, 0);
		assert_false(bc_echo_stream_between(&stream));
	}

	assert_int_equal(put(&stream, &sent, 7, 8, &back), BC_ECHO_PACKET);

	assert_int_equal(back.size, BCAST_ECHO_HEADER_BYTES);
}

static void payload_goes_back_before_it_is_whole(void **state)
{
	struct bytes sent = {.size = 0}, back = {.size = 0};
	struct bc_echo_stream stream;

	(void)state;
	add_packet(&sent, BCAST_ECHO_SEND, 50, 50);
	bc_echo_stream_init(&stream, LENGTH_MAX);

	assert_int_equal(put(&stream, &sent, 0, 20, &back), BC_ECHO_PAYLOAD);

	assert_int_equal(back.size, 20);
	assert_false(bc_echo_stream_between(&stream));
}

static void bytes_go_back_from_where_they_are(void **state)
{
	struct bytes sent = {.size = 0};
	struct bc_echo_stream stream;
	struct bc_echo_part part;

	(void)state;
	add_packet(&sent, BCAST_ECHO_SEND, 50, 50);
	bc_echo_stream_init(&stream, LENGTH_MAX);

	assert_int_equal(
		bc_echo_stream_next(&stream, sent.at, sent.size, &part),
		BC_ECHO_PACKET);

	assert_ptr_equal(part.bytes, sent.at);
	assert_int_equal(part.length, 50);
	assert_int_equal(sent.at[3], BCAST_ECHO_ECHO);
}

/* ---- Limits ------------------------------------------------------------ */

static int judge(uint32_t type, uint32_t length, uint32_t length_max)
{
	struct bytes sent = {.size = 0}, back = {.size = 0};
	struct bc_echo_stream stream;
	int ret;

	add_packet(&sent, type, length, 0);
	bc_echo_stream_init(&stream, length_max);
	ret = put_all(&stream, &sent, &back);
	if (ret < 0) {
		assert_int_equal(back.size, 0);
		assert_int_equal(bc_echo_stream_type(&stream), type);
		assert_int_equal(bc_echo_stream_length(&stream), length);
	}
	return ret;
}

static void length_is_limited(void **state)
{
	(void)state;
	assert_int_equal(judge(1, LENGTH_MAX - 1, LENGTH_MAX), BC_ECHO_PACKET);
	assert_int_equal(judge(1, LENGTH_MAX, LENGTH_MAX), BC_ECHO_PACKET);
	assert_int_equal(judge(1, LENGTH_MAX + 1, LENGTH_MAX), -EMSGSIZE);
	assert_int_equal(judge(1, UINT32_MAX, LENGTH_MAX), -EMSGSIZE);
	assert_int_equal(judge(1, UINT32_MAX, UINT32_MAX), BC_ECHO_PACKET);
	assert_int_equal(judge(1, 0, 0), BC_ECHO_PACKET);
	assert_int_equal(judge(1, 1, 0), -EMSGSIZE);
}

static void only_sends_are_taken(void **state)
{
	(void)state;
	assert_int_equal(judge(0, 0, LENGTH_MAX), -EPROTO);
	assert_int_equal(judge(BCAST_ECHO_SEND, 0, LENGTH_MAX), BC_ECHO_PACKET);
	assert_int_equal(judge(BCAST_ECHO_ECHO, 0, LENGTH_MAX), -EPROTO);
	assert_int_equal(judge(3, 0, LENGTH_MAX), -EPROTO);
	assert_int_equal(judge(UINT32_C(1) << 24, 0, LENGTH_MAX), -EPROTO);
	assert_int_equal(judge(UINT32_MAX, UINT32_MAX, LENGTH_MAX), -EPROTO);
}

static void what_came_before_garbage_goes_back(void **state)
{
	struct bytes sent = {.size = 0}, back = {.size = 0};
	struct bc_echo_stream stream;

	(void)state;
	add_packet(&sent, BCAST_ECHO_SEND, 10, 10);
	add_packet(&sent, 0x47455420, 0x2f204854, 0); /* GET / HT */
	bc_echo_stream_init(&stream, LENGTH_MAX);

	assert_int_equal(put_all(&stream, &sent, &back), -EPROTO);

	assert_int_equal(back.size, 18);
	assert_int_equal(bc_echo_stream_type(&stream), 0x47455420);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_split_in_three_gives_the_same),
		cmocka_unit_test(every_piece_size_gives_the_same),
		cmocka_unit_test(header_that_is_not_whole_gives_nothing_back),
		cmocka_unit_test(payload_goes_back_before_it_is_whole),
		cmocka_unit_test(bytes_go_back_from_where_they_are),
		cmocka_unit_test(length_is_limited),
		cmocka_unit_test(only_sends_are_taken),
		cmocka_unit_test(what_came_before_garbage_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
