/* SPDX-License-Identifier: MIT */
/*
 * echo_stream.h - what an echo client sends (bcast/echo.h), in whatever pieces
 * it comes, made into what it gets back.
 *
 * Pure: no system call, no clock, no memory but the struct. Only headers are
 * looked at, and their type is changed where they are, so what goes back are
 * the bytes that came. A header that is cut in two by the end of a piece is
 * kept until the rest has come, since nothing may go back before it has been
 * judged; of a payload nothing is ever kept.
 *
 *	while (size > 0) {
 *		int ret = bc_echo_stream_next(&stream, bytes, size, &part);
 *
 *		if (ret < 0)
 *			it is not the protocol;
 *		...
 *		bytes += part.taken;
 *		size -= part.taken;
 *	}
 *
 * Rejected: to hand out whole packets. A client could then hold 16 MiB of ours
 * by sending all of a packet but its last byte.
 */
#ifndef NET_ECHO_STREAM_H
#define NET_ECHO_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include <bcast/echo.h>

struct bc_echo_stream {
	uint32_t length_max; /* of a payload */
	uint32_t left;	     /* bytes of a payload that are to come */
	uint32_t have;	     /* bytes of a header */
	unsigned char header[BCAST_ECHO_HEADER_BYTES];
};

/* What bc_echo_stream_next() has found. */
enum bc_echo_found {
	BC_ECHO_NOTHING, /* the beginning of a header: kept */
	BC_ECHO_PACKET,	 /* a packet begins: its header, as it goes back */
	BC_ECHO_PAYLOAD, /* bytes of its payload */
};

struct bc_echo_part {
	const unsigned char *bytes; /* what goes back; see below */
	size_t size;
	size_t taken;	 /* of the piece; > 0 */
	uint32_t length; /* of the payload, with PACKET */
};

/* bc_echo_stream_init - nothing has come yet. */
void bc_echo_stream_init(struct bc_echo_stream *stream, uint32_t length_max);

/*
 * bc_echo_stream_next - the next part of a piece, which is not empty. What it
 * says to send back is in the piece, or, of a header that came in two pieces,
 * in the stream and valid until the next call.
 *
 * Returns enum bc_echo_found with *part; or -EPROTO for a type that is not
 * SEND, or -EMSGSIZE for a length that is too much. After an error the stream
 * is of no use any more, but has the header that was refused.
 */
int bc_echo_stream_next(struct bc_echo_stream *stream, unsigned char *piece,
			size_t size, struct bc_echo_part *part);

/* bc_echo_stream_between - does the next byte begin a packet? */
static inline int bc_echo_stream_between(const struct bc_echo_stream *stream)
{
	return stream->left == 0 && stream->have == 0;
}

/* The header that was refused: its type, its length. */
uint32_t bc_echo_stream_type(const struct bc_echo_stream *stream);
uint32_t bc_echo_stream_length(const struct bc_echo_stream *stream);

#endif
