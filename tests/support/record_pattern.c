/* SPDX-License-Identifier: MIT */
/* record_pattern.c - see record_pattern.h. */
#include "record_pattern.h"

#include <string.h>

#include "published.h"

uint32_t test_record_length(uint64_t sequence)
{
	uint64_t mixed = sequence * UINT64_C(0x9e3779b97f4a7c15) >> 40;

	return (uint32_t)(mixed % 16 == 0 ? mixed / 16 % (TEST_RECORD_MAX + 1)
					  : mixed / 16 % 200);
}

void test_record_fill(uint64_t sequence, void *payload)
{
	published_payload(sequence, payload, test_record_length(sequence));
}

bool test_record_check(uint64_t sequence, const void *payload, uint32_t length)
{
	return length == test_record_length(sequence) &&
	       published_wrong(sequence, payload, length) < 0;
}

static bool is_expected(const struct test_record_stream *stream,
			const struct bcast_packet_header *header)
{
	return header->type == BCAST_PACKET_DATA && header->sequence != 0 &&
	       (stream->expected == 0 ||
		header->sequence == stream->expected) &&
	       header->length == test_record_length(header->sequence);
}

static bool zeros_follow(const unsigned char *at, const unsigned char *end)
{
	while (at < end)
		if (*at++ != 0)
			return false;
	return true;
}

/* The record at the buffer's front, if it is whole: its size; 0: not yet. */
static bool take_one(struct test_record_stream *stream, size_t *size)
{
	const unsigned char *front = stream->buffer;
	struct bcast_packet_header header;

	*size = 0;
	if (stream->filled < sizeof(header))
		return true;
	memcpy(&header, front, sizeof(header));
	if (!is_expected(stream, &header))
		return false;
	if (stream->filled < bcast_packet_size(header.length))
		return true;
	*size = bcast_packet_size(header.length);
	stream->expected = header.sequence + 1;
	stream->count++;
	return test_record_check(header.sequence, front + sizeof(header),
				 header.length) &&
	       zeros_follow(front + sizeof(header) + header.length,
			    front + *size);
}

bool test_record_take(struct test_record_stream *stream, const void *bytes,
		      size_t size)
{
	const unsigned char *at = bytes;

	while (size > 0) {
		size_t room = sizeof(stream->buffer) - stream->filled;
		size_t n = size < room ? size : room, taken = 0, record;

		memcpy(stream->buffer + stream->filled, at, n);
		stream->filled += n;
		at += n;
		size -= n;
		do {
			if (!take_one(stream, &record))
				return false;
			memmove(stream->buffer, stream->buffer + record,
				stream->filled - record);
			stream->filled -= record;
			taken += record;
		} while (record > 0);
		if (taken == 0 && stream->filled == sizeof(stream->buffer))
			return false; /* larger than any record of ours */
	}
	return true;
}
