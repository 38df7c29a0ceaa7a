/* SPDX-License-Identifier: MIT */
/* records.c - see records.h. */
#include "records.h"

#include <string.h>

void records_reserve(const struct bc_ring *ring, uint64_t end)
{
	if (atomic_load(&ring->head->reserved) < end)
		atomic_store(&ring->head->reserved, end);
	atomic_thread_fence(memory_order_release);
}

void records_write(const struct bc_ring *ring, struct bc_record_place place,
		   uint32_t length)
{
	struct bcast_packet_header *header = bc_record_at(ring, place.position);

	header->length = length;
	header->type = BCAST_PACKET_DATA;
	header->flags = 0;
	header->timestamp_ns = 0;
	header->crc32c = 0;
	header->source = 0;
	header->key_length = 0;
	memset(header + 1, 0, bcast_packet_size(length) - sizeof(*header));
	test_pattern_fill(place.sequence, 0, header + 1, length);
}

void records_put(const struct bc_ring *ring, struct bc_record_place *place,
		 uint32_t length)
{
	uint64_t end = place->position + bcast_packet_size(length);

	records_reserve(ring, end + BC_RECORD_HEADER);
	records_write(ring, *place, length);
	bc_record_invalidate(ring, end);
	bc_record_show(ring, place->position, place->sequence);
	*place = records_place(end, place->sequence + 1);
}

bool records_is_right(uint64_t sequence, const void *payload, uint32_t length)
{
	return test_pattern_check(sequence, 0, payload, length) == -1;
}
