/* SPDX-License-Identifier: MIT */
/* echo_stream.c - see echo_stream.h. */
#include <errno.h>
#include <string.h>

#include "net/echo_stream.h"
#include "shm/assert.h"

#define TYPE_AT	  0u
#define LENGTH_AT 4u

static uint32_t read_word(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[2] << 8 | bytes[3];
}

static void write_word(unsigned char *bytes, uint32_t word)
{
	bytes[0] = (unsigned char)(word >> 24);
	bytes[1] = (unsigned char)(word >> 16);
	bytes[2] = (unsigned char)(word >> 8);
	bytes[3] = (unsigned char)word;
}

void bc_echo_stream_init(struct bc_echo_stream *stream, uint32_t length_max)
{
	*stream = (struct bc_echo_stream){.length_max = length_max};
}

uint32_t bc_echo_stream_type(const struct bc_echo_stream *stream)
{
	return read_word(stream->header + TYPE_AT);
}

uint32_t bc_echo_stream_length(const struct bc_echo_stream *stream)
{
	return read_word(stream->header + LENGTH_AT);
}

/* A whole header, wherever it is: judge it, and make it an ECHO's. */
static int begin(struct bc_echo_stream *stream, unsigned char *header,
		 struct bc_echo_part *part)
{
	uint32_t type = read_word(header + TYPE_AT);
	uint32_t length = read_word(header + LENGTH_AT);

	if (type != BCAST_ECHO_SEND || length > stream->length_max) {
		memmove(stream->header, header, sizeof(stream->header));
		return type != BCAST_ECHO_SEND ? -EPROTO : -EMSGSIZE;
	}
	write_word(header + TYPE_AT, BCAST_ECHO_ECHO);
	stream->left = length;
	stream->have = 0;
	part->bytes = header;
	part->size = BCAST_ECHO_HEADER_BYTES;
	part->length = length;
	return BC_ECHO_PACKET;
}

/* A header that began in a piece before, or ends in one to come. */
static int collect(struct bc_echo_stream *stream, const unsigned char *piece,
		   size_t size, struct bc_echo_part *part)
{
	size_t missing = BCAST_ECHO_HEADER_BYTES - stream->have;

	part->taken = size < missing ? size : missing;
	memcpy(stream->header + stream->have, piece, part->taken);
	stream->have += (uint32_t)part->taken;
	if (stream->have == BCAST_ECHO_HEADER_BYTES)
		return begin(stream, stream->header, part);
	return BC_ECHO_NOTHING;
}

int bc_echo_stream_next(struct bc_echo_stream *stream, unsigned char *piece,
			size_t size, struct bc_echo_part *part)
{
	BC_ASSERT(size > 0);
	*part = (struct bc_echo_part){0};
	if (stream->left > 0) {
		part->bytes = piece;
		part->size = size < stream->left ? size : stream->left;
		part->taken = part->size;
		stream->left -= (uint32_t)part->size;
		return BC_ECHO_PAYLOAD;
	}
	if (stream->have > 0 || size < BCAST_ECHO_HEADER_BYTES)
		return collect(stream, piece, size, part);
	part->taken = BCAST_ECHO_HEADER_BYTES;
	return begin(stream, piece, part);
}
