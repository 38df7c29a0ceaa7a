/* SPDX-License-Identifier: MIT */
/*
 * packet.h - the record of a stream of packets, in the ring as on the wire.
 *
 * A stream with `bcastd --format packet` is a sequence of records and nothing
 * else. Each begins at a position that is a multiple of 32, with a header of 32
 * bytes, followed by the payload (the key, then the value) and zeros up to the
 * next multiple of 32:
 *
 *	 0       4     6     8              16              24     28    30   32
 *	+-------+-----+-----+--------------+---------------+------+-----+-----+
 *	| length| type|flags|   sequence   | timestamp_ns  |crc32c|src  |key  |
 *	+-------+-----+-----+--------------+---------------+------+-----+-----+
 *	| key (key_length bytes), value (length - key_length), zeros ...      |
 *	+---------------------------------------------------------------------+
 *
 * All integers are little-endian. What local readers find in the ring is what
 * TCP receivers get: the header is written once, where the record is born.
 *
 * length	bytes of payload, key included; at most BCAST_PAYLOAD_MAX, and
 *		with its header at most a quarter of the ring
 * type		enum bcast_packet_type; skip what you do not know
 * flags	0; others are reserved
 * sequence	the record's number in the stream: 1 for the first, then one
 *		more each, whoever publishes. 0 stands for "no record here yet"
 * timestamp_ns	CLOCK_REALTIME when it was published, 0 if not stamped
 * crc32c	of the payload, 0 if there is none
 * source	what the publisher says of itself; 0 by default
 * key_length	bytes of key at the beginning of the payload; <= length
 *
 * The walks below are for spans that bcast_peek() has shown, and never read
 * beyond them, whatever stands there. As with all that is read in place, what
 * they find counts only if bcast_consume() says so afterwards.
 */
#ifndef BCAST_PACKET_H
#define BCAST_PACKET_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "records are little-endian, and used in place"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define BCAST_PACKET_ALIGN 32u
#define BCAST_PAYLOAD_MAX  (UINT32_C(16) << 20)

enum bcast_packet_type {
	BCAST_PACKET_DATA = 1,
};

struct bcast_packet_header {
	uint32_t length;
	uint16_t type;
	uint16_t flags;
	uint64_t sequence;
	uint64_t timestamp_ns;
	uint32_t crc32c;
	uint16_t source;
	uint16_t key_length;
};

/* bcast_packet_size - bytes of the whole record for a payload of `length`. */
static inline size_t bcast_packet_size(uint32_t length)
{
	return sizeof(struct bcast_packet_header) +
	       (((size_t)length + BCAST_PACKET_ALIGN - 1) &
		~((size_t)BCAST_PACKET_ALIGN - 1));
}

/*
 * bcast_packet_in - the record at `offset` of a span of `size` bytes, or NULL
 * at its end, or where no whole record stands.
 *
 *	size_t at = 0;
 *	const struct bcast_packet_header *packet;
 *
 *	while ((packet = bcast_packet_in(span, size, at))) {
 *		use(packet + 1, packet->length);
 *		at += bcast_packet_size(packet->length);
 *	}
 */
static inline const struct bcast_packet_header *bcast_packet_in(
	const void *span, size_t size, size_t offset)
{
	const struct bcast_packet_header *header;

	/* a length that changed since it was judged leads beyond the end */
	if (offset > size || size - offset < sizeof(*header))
		return NULL;
	header =
		(const struct bcast_packet_header
			 *)(const void *)((const unsigned char *)span + offset);
	if (bcast_packet_size(header->length) > size - offset)
		return NULL;
	return header;
}

#ifdef __cplusplus
}
#endif
#endif
