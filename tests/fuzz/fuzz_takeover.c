/* SPDX-License-Identifier: MIT */
/*
 * fuzz_takeover.c - whatever a dead holder has left in head, index and ring:
 * the next one refuses it, or goes on at a place where it can, and what it then
 * publishes is read there, under the numbers that it gave.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_ring.h"

#include "shm/client_reader.h"
#include "shm/record_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void put(struct bc_segment *segment, struct bc_record_place *at,
		uint32_t length)
{
	const struct bc_ring *ring = &segment->ring;
	struct bcast_packet_header *header = bc_record_at(ring, at->position);
	uint64_t end = at->position + bcast_packet_size(length);

	if (atomic_load(&ring->head->reserved) < end + 32)
		atomic_store(&ring->head->reserved, end + 32);
	header->length = length;
	header->type = BCAST_PACKET_DATA;
	header->flags = 0;
	header->timestamp_ns = 0;
	header->crc32c = 0;
	header->source = 0;
	header->key_length = 0;
	memset(header + 1, 0x11, length);
	bc_record_invalidate(ring, end);
	bc_record_show(ring, at->position, at->sequence);
	*at = (struct bc_record_place){end, at->sequence + 1};
}

/* A reader that stands where the new holder began sees all of it. */
static void read_back(const struct bc_segment *segment,
		      struct bc_record_place from, struct bc_record_place to)
{
	struct bcast_reader reader = {
		.segment = *segment,
		.ring = segment->ring,
		.packets = true,
		.position = from.position,
		.sequence = from.sequence,
	};
	struct bcast_packet packet;

	while (reader.position < to.position) {
		must(bcast_next(&reader, &packet) == 1);
		must(packet.sequence == from.sequence++);
		must(fuzz_ring_holds(packet.payload, packet.length));
		must(bcast_consume(&reader, packet.size) == 0);
	}
	must(reader.position == to.position && reader.sequence == to.sequence);
	must(bcast_next(&reader, &packet) == 0);
}

static void must_be_a_place(const struct bc_ring *ring, uint64_t tail,
			    struct bc_record_place at)
{
	uint64_t reserved = atomic_load(&ring->head->reserved);
	struct bc_record_place settled = bc_record_tail(ring);

	must(at.sequence != 0 && at.position % 32 == 0);
	must(at.position >= tail && at.position <= reserved);
	must(settled.position == at.position &&
	     settled.sequence == at.sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bc_segment *segment = fuzz_ring_make(data, size);
	const struct bc_ring *ring = &segment->ring;
	uint64_t tail = bc_ring_tail(ring);
	struct bc_record_place at, again, begin;

	if (bc_record_takeover(ring, &at) < 0)
		return 0;
	must_be_a_place(ring, tail, at);
	/* it dies at once; the next one finds the same */
	must(bc_record_takeover(ring, &again) == 0);
	must(again.position == at.position && again.sequence == at.sequence);
	/* numbers near the end of 64 bits are no stream's */
	if (at.position > INT64_MAX || at.sequence > INT64_MAX)
		return 0;
	bc_record_set_rule(ring, BC_RULE_HEADER);
	/* as every holder leaves the place where the next record goes */
	if (atomic_load(&ring->head->reserved) < at.position + 32)
		atomic_store(&ring->head->reserved, at.position + 32);
	bc_record_invalidate(ring, at.position);
	begin = at;
	size = fuzz_ring_rest(&data, size);
	for (size_t i = 0; i < size; i++)
		put(segment, &at, data[i]);
	bc_record_index_add(segment, at, 1);
	read_back(segment, begin, at);
	bc_record_flush(ring, at.position, at.sequence);
	must_be_a_place(ring, begin.position, at);
	return 0;
}
