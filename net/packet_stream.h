/* SPDX-License-Identifier: MIT */
/*
 * packet_stream.h - bytes of a connection, in whatever pieces they come, taken
 * apart into records (bcast/packet.h).
 *
 * Pure: no system call, no clock. Bounded: what is kept between two pieces is
 * at most one record, whose length is judged as soon as its header is whole,
 * before any memory is asked for. A record that lies whole in the piece is used
 * where it is, without a copy.
 *
 *	struct bc_packet_piece piece = {bytes, size};
 *
 *	while ((ret = bc_packet_stream_next(&stream, &piece, &frame)) == 1)
 *		use(&frame.header, frame.payload);
 *
 * Rejected: to collect everything in one buffer a connection. Ten thousand of
 * them that send a heartbeat a second would keep 64 KiB each for it.
 */
#ifndef NET_PACKET_STREAM_H
#define NET_PACKET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/packet.h>

/*
 * What may come, by what is known of the connection. Nothing is ever longer
 * than BCAST_PAYLOAD_MAX, so limits that a peer has named may stand here.
 */
struct bc_packet_limits {
	uint32_t data_max;    /* payload of types of the stream; 0: such a
				 record is an error, whatever its length */
	uint32_t message_max; /* payload of MESSAGE and NODES, with its key */
};

struct bc_packet_stream {
	struct bc_packet_limits limits;
	unsigned char *kept; /* the beginning of a payload; NULL: none */
	size_t have;	     /* bytes of the record that have come */
	size_t room;	     /* that are allocated */
	struct bcast_packet_header header; /* of it; whole from 32 bytes on */
};

/* A piece of what has come, and what is left of it. */
struct bc_packet_piece {
	const unsigned char *bytes;
	size_t size;
};

/*
 * A record. Payload is valid until the next call, as long as the piece is, and
 * may be unaligned; where length is 0 it may be NULL.
 */
struct bc_packet_frame {
	struct bcast_packet_header header;
	const unsigned char *payload; /* header.length bytes */
};

/*
 * bc_packet_stream_init - nothing has come yet. Allocates nothing. The limits
 * may be changed in place between two calls, say after HELLO.
 */
void bc_packet_stream_init(struct bc_packet_stream *stream,
			   const struct bc_packet_limits *limits);

/*
 * bc_packet_stream_fini - free what is kept, and begin anew if it is used
 * again. Safe on a zeroed one.
 */
void bc_packet_stream_fini(struct bc_packet_stream *stream);

/*
 * bc_packet_stream_next - the next whole record of what has come.
 *
 * Returns 1 with *frame; 0 when the piece is used up (the beginning of a record
 * is kept); or
 *	-EMSGSIZE	longer than its kind may be: BCAST_REJECT_SIZE
 *	-EPROTO		a header that cannot be: BCAST_REJECT_PROTOCOL
 *	-EBADMSG	crc32c is there, and is not the payload's
 *	-ENOMEM
 * After an error the stream is of no use any more. Call until the result is not
 * 1: the call that returns 0 gives back what the last record was kept in.
 *
 * The padding is not looked at: that it is 0 is asked of those who write, but
 * nothing depends on it, and a look would cost every record.
 */
int bc_packet_stream_next(struct bc_packet_stream *stream,
			  struct bc_packet_piece *piece,
			  struct bc_packet_frame *frame);

/* bc_packet_stream_between - does the next byte begin a record? */
bool bc_packet_stream_between(const struct bc_packet_stream *stream);

/*
 * bc_packet_check_header - is this a header that may come? Returns 0,
 *	-EMSGSIZE	longer than its kind may be
 *	-EPROTO		type 0, key_length > length, reserved flags; a type that
 *			we do not know with BCAST_PACKET_MUST; a record of the
 *			stream with sequence 0, or where none may come; of a
 *			type that we know between records, a field that is not
 *			named for it and is not 0 (crc32c may always be there)
 * Types that we do not know are good without BCAST_PACKET_MUST: the caller
 * skips them. For those who have records in place (src/ingest).
 */
int bc_packet_check_header(const struct bcast_packet_header *header,
			   const struct bc_packet_limits *limits);

/*
 * bc_packet_write - the header, payload and padding of a record, at `to`, which
 * has bcast_packet_size(header->length) bytes of room. Returns that size.
 * crc32c is written as it stands in *header.
 */
size_t bc_packet_write(unsigned char *to,
		       const struct bcast_packet_header *header,
		       const void *payload);

#endif
