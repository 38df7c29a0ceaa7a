/* SPDX-License-Identifier: MIT */
/*
 * fuzz_packet_reader.c - whatever stands in head, index and ring: a reader of
 * packets is shown only bytes of the ring, moves only to multiples of 32, goes
 * backwards only when told to, and comes to an end.
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

/* Read all of it, so that a sanitizer looks at each byte. */
static void use(const void *bytes, uint64_t size)
{
	static volatile unsigned char sink;
	const unsigned char *at = bytes;

	must(fuzz_ring_holds(bytes, size));
	if (size > 0)
		sink = (unsigned char)(at[0] ^ at[size / 2] ^ at[size - 1]);
	(void)sink;
}

static void walk(const void *span, size_t size)
{
	const struct bcast_packet_header *header;
	size_t at = 0;

	while ((header = bcast_packet_in(span, size, at))) {
		must(at + bcast_packet_size(header->length) <= size);
		use(header + 1, header->length);
		at += bcast_packet_size(header->length);
	}
}

static void step_next(struct bcast_reader *reader, unsigned how)
{
	struct bcast_packet packet;

	if (bcast_next(reader, &packet) != 1)
		return;
	use(packet.payload, packet.length);
	(void)bcast_packet_verify(&packet);
	must(packet.key_length <= packet.length);
	must(packet.position == bcast_position(reader));
	must(packet.size >= 32 && packet.size % 32 == 0);
	(void)bcast_consume(reader, packet.size - (how & 32));
}

static void step_peek(struct bcast_reader *reader, unsigned how)
{
	const void *span;
	int64_t n = bcast_peek(reader, &span);

	if (n <= 0)
		return;
	must((uint64_t)n <= FUZZ_CAPACITY);
	walk(span, (size_t)n);
	(void)bcast_consume(reader, (how & 32) ? (size_t)n / 2 : (size_t)n);
}

static void step_read(struct bcast_reader *reader, unsigned how)
{
	static unsigned char buffer[1 << 17];
	size_t size = (size_t)(how >> 3) * 96;
	int64_t n;

	buffer[size] = 0x5a;
	n = bcast_read(reader, buffer, size);
	must(n <= (int64_t)size && buffer[size] == 0x5a);
}

/* What the index gives lies where it was asked to. */
static void seek_boundary(struct bcast_reader *reader, uint64_t to)
{
	uint64_t from = bcast_position(reader);
	uint64_t found = bc_record_index_boundary(&reader->segment, from, to);

	must(found == 0 || (found > from && found <= to && found % 32 == 0));
}

static void step_seek(struct bcast_reader *reader, unsigned how)
{
	uint64_t position = bcast_position(reader);

	switch (how >> 3 & 7) {
	case 0:
		(void)bcast_seek(reader, BCAST_FROM_LIVE, 0);
		break;
	case 1:
		(void)bcast_seek(reader, BCAST_FROM_OLDEST, 0);
		break;
	case 2:
		(void)bcast_seek(reader, BCAST_FROM_POSITION, position - 64);
		break;
	case 3:
		(void)bcast_seek(reader, BCAST_FROM_SEQUENCE, how >> 6);
		break;
	case 4:
		(void)bcast_seek(reader, BCAST_FROM_SEQUENCE,
				 reader->sequence + (how >> 6) - 2);
		break;
	case 5:
		(void)bcast_seek(reader, BCAST_FROM_TIME, how >> 6);
		break;
	case 6:
		seek_boundary(reader, position + how);
		break;
	default:
		(void)bcast_seek(reader, BCAST_FROM_POSITION, how);
		break;
	}
}

static void step(struct bcast_reader *reader, unsigned how)
{
	uint64_t before = bcast_position(reader);

	switch (how & 7) {
	case 0:
	case 1:
	case 2:
		step_next(reader, how);
		break;
	case 3:
	case 4:
		step_peek(reader, how);
		break;
	case 5:
		step_read(reader, how);
		break;
	case 6:
		step_seek(reader, how);
		return;
	default:
		(void)bcast_lag(reader);
		return;
	}
	must(bcast_position(reader) >= before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bcast_reader reader = {0};

	reader.segment = *fuzz_ring_make(data, size);
	reader.ring = reader.segment.ring;
	reader.packets = true;
	(void)bcast_seek(&reader, BCAST_FROM_POSITION, 0);
	size = fuzz_ring_rest(&data, size);
	for (size_t i = 0; i < size; i++)
		step(&reader, data[i]);
	/* to the end: each step is forward, or it is the last */
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t before = bcast_position(&reader);

		step_next(&reader, 0);
		if (bcast_position(&reader) == before)
			return 0;
	}
	abort();
}
