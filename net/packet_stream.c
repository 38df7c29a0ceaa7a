/* SPDX-License-Identifier: MIT */
/*
 * packet_stream.c - see packet_stream.h.
 *
 * A header is collected in the struct itself, so that until it is whole, and
 * has been judged, no memory is asked for. A payload that lies whole in the
 * piece is used there, also when its header came before. Else it is collected
 * in memory that grows with what has come, twofold each time: a length of
 * 16 MiB costs its sender the bytes, not us the memory. That memory is given
 * back with the next call, so a connection at rest keeps none.
 *
 * Rejected: to hand out a record before its padding has come, which saves a
 * copy now and then and costs one more state.
 *
 * Invariants: `have` counts bytes of the record, its header and padding
 * included, and is 0 between records; `kept` holds those of the payload.
 */
#include "net/packet_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/assert.h"
#include "shm/checksum.h"

#define HEADER_SIZE sizeof(struct bcast_packet_header)
#define ROOM_MIN    ((size_t)4096)

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- Headers ----------------------------------------------------------- */

/* Which fields are named for a type that stands between records. */
enum named {
	NAMED_SEQUENCE = 1,
	NAMED_SOURCE = 2,
	NAMED_KEY = 4,
	NAMED_TIME = 8,
	NAMED_ALL = 16
};

/* What is known of a type; unknown ones are as they may be. */
struct kind {
	uint32_t payload_max;
	unsigned named;
	bool is_known;
};

static struct kind control_kind(uint16_t type,
				const struct bc_packet_limits *limits)
{
	switch ((enum bcast_packet_type)type) {
	case BCAST_PACKET_HELLO:
		return (struct kind){BCAST_HELLO_MAX, 0, true};
	case BCAST_PACKET_PING:
	case BCAST_PACKET_PONG:
		return (struct kind){BCAST_PING_MAX, NAMED_SEQUENCE, true};
	case BCAST_PACKET_MESSAGE:
		return (struct kind){limits->message_max,
				     NAMED_SEQUENCE | NAMED_SOURCE | NAMED_KEY |
					     NAMED_TIME,
				     true};
	case BCAST_PACKET_NODES:
		return (struct kind){limits->message_max, NAMED_SEQUENCE, true};
	case BCAST_PACKET_WELCOME:
	case BCAST_PACKET_REJECT:
	case BCAST_PACKET_HEARTBEAT:
	case BCAST_PACKET_GAP:
	case BCAST_PACKET_ACK:
	case BCAST_PACKET_RESULT:
	case BCAST_PACKET_END:
		return (struct kind){BCAST_CONTROL_MAX, 0, true};
	case BCAST_PACKET_DATA:
	case BCAST_PACKET_PAD:
		break;
	}
	return (struct kind){BCAST_CONTROL_MAX, NAMED_ALL, false};
}

static bool has_unnamed(const struct bcast_packet_header *header,
			unsigned named)
{
	if (named & NAMED_ALL)
		return false;
	return (header->timestamp_ns != 0 && !(named & NAMED_TIME)) ||
	       (header->sequence != 0 && !(named & NAMED_SEQUENCE)) ||
	       (header->source != 0 && !(named & NAMED_SOURCE)) ||
	       (header->key_length != 0 && !(named & NAMED_KEY));
}

static int check_control(const struct bcast_packet_header *header,
			 const struct bc_packet_limits *limits)
{
	struct kind kind = control_kind(header->type, limits);

	if (!kind.is_known && (header->flags & BCAST_PACKET_MUST))
		return -EPROTO;
	if (has_unnamed(header, kind.named))
		return -EPROTO;
	return header->length > kind.payload_max ? -EMSGSIZE : 0;
}

static int check_data(const struct bcast_packet_header *header,
		      const struct bc_packet_limits *limits)
{
	bool is_known = header->type == BCAST_PACKET_DATA ||
			header->type == BCAST_PACKET_PAD;

	if (limits->data_max == 0 || header->sequence == 0)
		return -EPROTO;
	if (!is_known && (header->flags & BCAST_PACKET_MUST))
		return -EPROTO;
	return header->length > limits->data_max ? -EMSGSIZE : 0;
}

int bc_packet_check_header(const struct bcast_packet_header *header,
			   const struct bc_packet_limits *limits)
{
	if (header->type == 0 || header->type == BCAST_PACKET_CONTROL)
		return -EPROTO;
	if (header->flags & ~BCAST_PACKET_MUST)
		return -EPROTO;
	if (header->length > BCAST_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (header->key_length > header->length)
		return -EPROTO;
	if (header->type & BCAST_PACKET_CONTROL)
		return check_control(header, limits);
	return check_data(header, limits);
}

/* ---- Records ----------------------------------------------------------- */

void bc_packet_stream_init(struct bc_packet_stream *stream,
			   const struct bc_packet_limits *limits)
{
	*stream = (struct bc_packet_stream){.limits = *limits};
}

void bc_packet_stream_fini(struct bc_packet_stream *stream)
{
	free(stream->kept);
	stream->kept = NULL;
	stream->have = 0;
	stream->room = 0;
}

bool bc_packet_stream_between(const struct bc_packet_stream *stream)
{
	return stream->have == 0;
}

static void take(struct bc_packet_piece *piece, size_t size)
{
	piece->bytes += size;
	piece->size -= size;
}

/* Returns 1 with a whole header that may come, 0, or what is wrong with it. */
static int take_header(struct bc_packet_stream *stream,
		       struct bc_packet_piece *piece)
{
	unsigned char *header = (unsigned char *)&stream->header;
	size_t n = smaller(HEADER_SIZE - stream->have, piece->size);
	int ret;

	if (n > 0) {
		memcpy(header + stream->have, piece->bytes, n);
		take(piece, n);
		stream->have += n;
	}
	if (stream->have < HEADER_SIZE)
		return 0;
	ret = bc_packet_check_header(&stream->header, &stream->limits);
	return ret < 0 ? ret : 1;
}

/* Room for `size` bytes of payload, of which no more than `length` come. */
static int make_room(struct bc_packet_stream *stream, size_t size)
{
	size_t room = stream->room ? stream->room : ROOM_MIN;
	unsigned char *kept;

	if (size <= stream->room)
		return 0;
	while (room < size)
		room *= 2;
	room = smaller(room, stream->header.length);
	BC_ASSERT(room >= size);
	kept = realloc(stream->kept, room);
	if (!kept)
		return -ENOMEM;
	stream->kept = kept;
	stream->room = room;
	return 0;
}

/* Keep what has come of payload and padding. The padding is only counted. */
static int keep(struct bc_packet_stream *stream, struct bc_packet_piece *piece,
		size_t missing)
{
	size_t length = stream->header.length;
	size_t at = stream->have - HEADER_SIZE;
	size_t taken = smaller(missing, piece->size);
	size_t n = at < length ? smaller(taken, length - at) : 0;
	int ret = make_room(stream, smaller(at + n, length));

	if (ret < 0)
		return ret;
	if (n > 0)
		memcpy(stream->kept + at, piece->bytes, n);
	take(piece, taken);
	stream->have += taken;
	return 0;
}

static bool is_intact(const struct bc_packet_frame *frame)
{
	return frame->header.crc32c == 0 ||
	       frame->header.crc32c ==
		       bc_checksum(0, frame->payload, frame->header.length);
}

int bc_packet_stream_next(struct bc_packet_stream *stream,
			  struct bc_packet_piece *piece,
			  struct bc_packet_frame *frame)
{
	const unsigned char *payload;
	size_t missing;
	int ret;

	if (stream->have == 0) /* the last record has been used */
		bc_packet_stream_fini(stream);
	if (stream->have < HEADER_SIZE) {
		ret = take_header(stream, piece);
		if (ret <= 0)
			return ret;
	}
	missing = bcast_packet_size(stream->header.length) - stream->have;
	if (stream->have == HEADER_SIZE && piece->size >= missing) {
		payload = piece->bytes;
		take(piece, missing);
	} else {
		ret = keep(stream, piece, missing);
		if (ret < 0)
			return ret;
		if (stream->have < bcast_packet_size(stream->header.length))
			return 0;
		payload = stream->kept;
	}
	stream->have = 0;
	frame->header = stream->header;
	frame->payload = payload;
	return is_intact(frame) ? 1 : -EBADMSG;
}

size_t bc_packet_write(unsigned char *to,
		       const struct bcast_packet_header *header,
		       const void *payload)
{
	size_t size = bcast_packet_size(header->length);
	size_t end = HEADER_SIZE + header->length;

	memcpy(to, header, HEADER_SIZE);
	if (header->length > 0)
		memcpy(to + HEADER_SIZE, payload, header->length);
	memset(to + end, 0, size - end);
	return size;
}
