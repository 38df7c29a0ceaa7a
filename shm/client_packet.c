/* SPDX-License-Identifier: MIT */
/*
 * client_packet.c - the reader of a stream of packets: always at the beginning
 * of a record. How it sees one is in client_look.c, where it may go in
 * client_place.c.
 */
#include <errno.h>

#include <bcast/bcast.h>

#include "shm/checksum.h"
#include "shm/client_parts.h"
#include "shm/record.h"

#define WALK_BYTES_MAX (UINT64_C(64) << 10) /* in one peek, by header */

/* A record is there by its number, but no walk comes past it: why? */
static int not_walked(struct bcast_reader *reader)
{
	if (!bc_ring_intact(&reader->ring, reader->position))
		return bc_client_look_lapped(reader);
	/* or the rule has changed meanwhile: then the tail tells, next time */
	return bc_client_look_is_shown(reader) ? BCAST_EPROTO : 0;
}

int bc_client_packet_peek(struct bcast_reader *reader, uint64_t *length)
{
	struct bc_record_place to = bc_record_tail(&reader->ring);

	if (to.position <= reader->position) {
		to = (struct bc_record_place){reader->position,
					      reader->sequence};
		to = bc_record_walk(&reader->ring, to, WALK_BYTES_MAX);
	}
	/* what has been seen is never taken back, nor more than there can be */
	if (to.position - reader->position < *length ||
	    to.position - reader->position > reader->ring.capacity) {
		to.position = reader->position + *length;
		to.sequence = 0;
	}
	if (to.position == reader->position)
		return not_walked(reader);
	reader->peeked_sequence = to.sequence;
	*length = to.position - reader->position;
	return 1;
}

uint64_t bc_client_packet_whole(const struct bcast_reader *reader, uint64_t n,
				uint64_t *next_sequence)
{
	uint64_t at = 0, sequence = reader->sequence;

	while (n - at >= BC_RECORD_HEADER) {
		const struct bcast_packet_header *header =
			bc_record_at(&reader->ring, reader->position + at);
		uint64_t size = bcast_packet_size(bc_record_length(header));

		if (size > n - at)
			break;
		at += size;
		sequence = header->sequence + 1;
	}
	*next_sequence = sequence;
	return at;
}

/* Take the header out; 0 if it cannot be one of this stream. */
static uint64_t take_header(const struct bcast_reader *reader,
			    struct bcast_packet *packet)
{
	const struct bcast_packet_header *header =
		bc_record_at(&reader->ring, reader->position);
	uint32_t length = bc_record_length(header);
	uint64_t size = bcast_packet_size(length);

	*packet = (struct bcast_packet){
		.payload = header + 1,
		.position = reader->position,
		.sequence = header->sequence,
		.timestamp_ns = header->timestamp_ns,
		.length = length,
		.size = (uint32_t)size,
		.crc32c = header->crc32c,
		.type = header->type,
		.flags = header->flags,
		.source = header->source,
		.key_length = header->key_length,
	};
	if (size > bc_record_max(reader->ring.capacity) ||
	    packet->key_length > length || packet->sequence == 0 ||
	    (reader->sequence != 0 && packet->sequence != reader->sequence))
		return 0;
	return size;
}

int bcast_next(struct bcast_reader *reader, struct bcast_packet *packet)
{
	struct bcast_packet found;
	uint64_t length, size;
	int ret;

	if (!reader->packets)
		return -EOPNOTSUPP;
	reader->peeked = 0;
	ret = bc_client_look_packet(reader, &length);
	if (ret <= 0)
		return ret;
	size = take_header(reader, &found);
	if (!bc_ring_intact(&reader->ring, reader->position))
		return bc_client_look_lapped(reader);
	if (size == 0 || (length != 0 && size > length))
		return BCAST_EPROTO;
	reader->sequence = found.sequence;
	reader->peeked = size;
	reader->peeked_sequence = found.sequence + 1;
	*packet = found;
	return 1;
}

int bcast_packet_verify(const struct bcast_packet *packet)
{
	return packet->crc32c == 0 ||
	       packet->crc32c ==
		       bc_checksum(0, packet->payload, packet->length);
}
