/* SPDX-License-Identifier: MIT */
/*
 * fuzz_packet_stream.c - bytes of a connection: cut into pieces of any sizes
 * they give the same records, and the same error, as in one; no record is
 * longer than its limit, and no more is kept than has come.
 *
 * Input: two bytes that say how it is cut, two of data_max, two of message_max,
 * then what comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/packet_stream.h"
#include "shm/checksum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct summary {
	uint64_t count;
	uint32_t sum; /* of all records, in order */
	int result;   /* of the last call */
};

static void check_frame(const struct bc_packet_stream *stream,
			const struct bc_packet_frame *frame)
{
	const struct bcast_packet_header *header = &frame->header;

	if (bc_packet_check_header(header, &stream->limits) != 0 ||
	    header->length > BCAST_PAYLOAD_MAX ||
	    header->key_length > header->length || header->type == 0)
		abort();
}

/* One piece, in memory of its own, so that a byte too far is seen. */
static void feed(struct bc_packet_stream *stream, const uint8_t *bytes,
		 size_t size, struct summary *summary)
{
	unsigned char *own = malloc(size);
	struct bc_packet_piece piece = {own, size};
	struct bc_packet_frame frame;

	if (size > 0)
		memcpy(own, bytes, size);
	while ((summary->result =
			bc_packet_stream_next(stream, &piece, &frame)) == 1) {
		check_frame(stream, &frame);
		summary->count++;
		summary->sum = bc_checksum(summary->sum, &frame.header,
					   sizeof(frame.header));
		if (frame.header.length > 0)
			summary->sum = bc_checksum(summary->sum, frame.payload,
						   frame.header.length);
	}
	if (summary->result == 0 && piece.size != 0)
		abort();
	free(own);
}

static struct summary run(const struct bc_packet_limits *limits,
			  const uint8_t *bytes, size_t size, uint16_t cuts)
{
	struct summary summary = {0, 0, 0};
	struct bc_packet_stream stream;
	size_t at = 0;
	uint32_t random = cuts;

	bc_packet_stream_init(&stream, limits);
	while (at < size && summary.result == 0) {
		size_t n = size - at;

		if (cuts > 0) {
			random = random * 1664525u + 1013904223u;
			n = 1 + (random >> 16) % (1u + cuts % 200u);
		}
		n = n < size - at ? n : size - at;
		feed(&stream, bytes + at, n, &summary);
		at += n;
		if (stream.room > 4096 && stream.room > 2 * at)
			abort();
	}
	bc_packet_stream_fini(&stream);
	return summary;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct summary whole, cut;
	struct bc_packet_limits limits;
	uint16_t head[3];

	if (size < sizeof(head))
		return 0;
	memcpy(head, data, sizeof(head));
	limits = (struct bc_packet_limits){head[1] * UINT32_C(257), head[2]};
	data += sizeof(head);
	size -= sizeof(head);
	whole = run(&limits, data, size, 0);
	cut = run(&limits, data, size, head[0] | 1);
	if (whole.count != cut.count || whole.sum != cut.sum ||
	    whole.result != cut.result)
		abort();
	return 0;
}
