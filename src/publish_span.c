/* SPDX-License-Identifier: MIT */
/* publish_span.c - see publish_span.h. */
#include "src/publish_span.h"

#include <errno.h>
#include <string.h>

#include "shm/assert.h"
#include "shm/checksum.h"

#define HEADER_SIZE sizeof(struct bcast_packet_header)

/* Nothing whole stands there; not among the results of the public functions. */
#define NOT_WHOLE 2

bool publish_has_checksum(const struct publish_rules *rules,
			  const struct bcast_packet_header *header,
			  const unsigned char *payload)
{
	return !rules->checksums || header->crc32c != 0 ||
	       bc_checksum(0, payload, header->length) == 0;
}

static int check_sum(const struct bcast_packet_header *header,
		     const unsigned char *payload)
{
	if (header->crc32c == 0 ||
	    bc_checksum(0, payload, header->length) == header->crc32c)
		return 0;
	return -EBADMSG;
}

/* It is whole and next: to the end of the good ones. */
static int keep(struct publish_span *span, const struct publish_rules *rules,
		struct bcast_packet_header *header, size_t size)
{
	unsigned char *payload = span->bytes + span->from + HEADER_SIZE;
	int ret = check_sum(header, payload);

	if (ret < 0)
		return ret;
	if (!publish_has_checksum(rules, header, payload))
		return -ENOKEY;
	memset(payload + header->length, 0,
	       size - HEADER_SIZE - header->length);
	publish_stamp(header, rules, span->sequence, span->timestamp_ns);
	if (span->done != span->from)
		memmove(span->bytes + span->done + HEADER_SIZE, payload,
			size - HEADER_SIZE);
	memcpy(span->bytes + span->done, header, HEADER_SIZE);
	span->accepted++;
	span->sequence++;
	span->most--;
	span->done += size;
	span->from += size;
	return 0;
}

static int take_data(struct publish_span *span,
		     const struct publish_rules *rules,
		     struct bcast_packet_header *header, size_t size)
{
	if (header->type != BCAST_PACKET_DATA)
		return -ENOMSG;
	switch (publish_number_of(span->accepted, header->sequence)) {
	case PUBLISH_NUMBER_GAP:
		return -ERANGE;
	case PUBLISH_NUMBER_DUPLICATE:
		if (size > span->have - span->from)
			return NOT_WHOLE;
		span->duplicates++;
		span->from += size;
		return 0;
	case PUBLISH_NUMBER_NEXT:
		break;
	}
	if (size > span->have - span->from)
		return NOT_WHOLE;
	if (span->most == 0) {
		span->left = true;
		return NOT_WHOLE;
	}
	return keep(span, rules, header, size);
}

static int take_control(struct publish_span *span,
			const struct bcast_packet_header *header, size_t size,
			struct bc_packet_frame *control)
{
	const unsigned char *payload = span->bytes + span->from + HEADER_SIZE;
	int ret;

	if (size > span->have - span->from)
		return NOT_WHOLE;
	ret = check_sum(header, payload);
	if (ret < 0)
		return ret;
	*control = (struct bc_packet_frame){*header, payload};
	span->from += size;
	return 1;
}

static int take_one(struct publish_span *span,
		    const struct publish_rules *rules,
		    struct bc_packet_frame *control)
{
	struct bcast_packet_header header;
	size_t size;
	int ret;

	if (span->have - span->from < HEADER_SIZE)
		return NOT_WHOLE;
	memcpy(&header, span->bytes + span->from, HEADER_SIZE);
	ret = bc_packet_check_header(&header, &rules->limits);
	if (ret < 0)
		return ret;
	size = bcast_packet_size(header.length);
	return header.type & BCAST_PACKET_CONTROL
		       ? take_control(span, &header, size, control)
		       : take_data(span, rules, &header, size);
}

/* What has come of the next one goes right behind the good ones. */
static void move_rest(struct publish_span *span)
{
	size_t rest = span->have - span->from;

	if (span->from != span->done)
		memmove(span->bytes + span->done, span->bytes + span->from,
			rest);
	span->have = span->done + rest;
	span->from = span->done;
}

int publish_span_next(struct publish_span *span,
		      const struct publish_rules *rules,
		      struct bc_packet_frame *control)
{
	int ret = 0;

	BC_ASSERT(span->done <= span->from && span->from <= span->have);
	while (ret == 0)
		ret = take_one(span, rules, control);
	if (ret == NOT_WHOLE) {
		move_rest(span);
		return 0;
	}
	if (ret < 0) {
		span->have = span->done;
		span->from = span->done;
	}
	return ret;
}
