/* SPDX-License-Identifier: MIT */
/*
 * client_record.c - see client_record.h.
 *
 * A GAP that ends where we are, before anything else of the stream, says once
 * more what WELCOME's position has said already: what was asked for is gone.
 * The caller sees it with gap.to == where it is, and knows.
 */
#include "net/client_record.h"

#include <errno.h>
#include <string.h>

#define HEADER_SIZE sizeof(struct bcast_packet_header)

/* As much of a struct as was sent, over zeros. False: less than we need. */
static bool take_struct(const struct bc_client_record *record, void *to,
			size_t known)
{
	if (record->header.length < known)
		return false;
	memcpy(to, record->payload, known);
	return true;
}

static int count_stream(struct bc_client_count *count,
			const struct bc_client_record *record)
{
	uint64_t sequence = record->header.sequence;

	if (count->sequence != 0 && sequence != count->sequence)
		return -EPROTO;
	if (count->position > UINT64_MAX - record->size)
		return -EPROTO;
	count->position += record->size;
	count->sequence = sequence + 1;
	count->begun = true;
	return 1;
}

static bool gap_is_sound(const struct bcast_gap *gap)
{
	if (gap->to <= gap->from || gap->from % BCAST_PACKET_ALIGN != 0 ||
	    gap->to % BCAST_PACKET_ALIGN != 0)
		return false;
	return gap->from_sequence == 0 || gap->to_sequence == 0 ||
	       gap->from_sequence <= gap->to_sequence;
}

static int count_gap(struct bc_client_count *count,
		     struct bc_client_record *record)
{
	struct bcast_gap *gap = &record->gap;

	if (!take_struct(record, gap, sizeof(*gap)) || !gap_is_sound(gap))
		return -EPROTO;
	if (!count->begun && gap->to == count->position)
		return 1;
	if (gap->from != count->position)
		return -EPROTO;
	if (gap->from_sequence == 0)
		gap->from_sequence = count->sequence;
	if (count->sequence != 0 && gap->from_sequence != count->sequence)
		return -EPROTO;
	if (gap->to_sequence != 0 && gap->to_sequence < gap->from_sequence)
		return -EPROTO;
	count->position = gap->to;
	count->sequence = gap->to_sequence;
	count->begun = true;
	return 1;
}

static int count_end(const struct bc_client_count *count,
		     const struct bc_client_record *record)
{
	struct bcast_end end;

	if (!take_struct(record, &end, sizeof(end)) ||
	    end.position != count->position)
		return -EPROTO;
	return 1;
}

static int count_record(struct bc_client_count *count,
			struct bc_client_record *record)
{
	if (!(record->header.type & BCAST_PACKET_CONTROL))
		return count_stream(count, record);
	if (count->limits.data_max == 0) /* no subscriber */
		return 1;
	if (record->header.type == BCAST_PACKET_GAP)
		return count_gap(count, record);
	if (record->header.type == BCAST_PACKET_END)
		return count_end(count, record);
	return 1;
}

int bc_client_record_next(struct bc_client_count *count,
			  const unsigned char *bytes, size_t size,
			  struct bc_client_record *record)
{
	int ret;

	record->size = HEADER_SIZE;
	if (size < HEADER_SIZE)
		return 0;
	memcpy(&record->header, bytes, HEADER_SIZE);
	ret = bc_packet_check_header(&record->header, &count->limits);
	if (ret < 0)
		return ret;
	record->size = bcast_packet_size(record->header.length);
	if (size < record->size)
		return 0;
	record->payload = bytes + HEADER_SIZE;
	record->position = count->position;
	return count_record(count, record);
}
