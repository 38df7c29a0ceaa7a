/* SPDX-License-Identifier: MIT */
/*
 * postmortem_data.c - see postmortem.h: what went by last.
 *
 * Records are found from the front, since none says where the one before it
 * began: all of the ring is walked, some 0.1 s for 256 MiB, and the last ones
 * are remembered. The bytes of a record are copied, and kept only if they were
 * whole afterwards: the ring may be of a living daemon after all, or be taken
 * over by a new one meanwhile.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "postmortem.h"

#define BYTES_A_LINE 16u
#define KEPT	     48u /* of a record's payload */

struct kept {
	struct bcast_packet packet; /* payload: not to be used */
	unsigned char bytes[KEPT];
};

/* ---- Records ----------------------------------------------------------- */

/* Quoted; what is not printable as \x.., so that nothing moves the cursor. */
static void print_quoted(const unsigned char *bytes, size_t size)
{
	(void)putchar('"');
	for (size_t i = 0; i < size; i++)
		if (bytes[i] < 0x80 && isprint(bytes[i]) && bytes[i] != '"' &&
		    bytes[i] != '\\')
			(void)putchar(bytes[i]);
		else
			printf("\\x%02x", bytes[i]);
	(void)putchar('"');
}

static void print_record(const struct kept *kept)
{
	const struct bcast_packet *p = &kept->packet;
	size_t size = p->length < KEPT ? p->length : KEPT;
	size_t key = p->key_length < size ? p->key_length : size;

	printf("%10" PRIu64 " %12" PRIu64 " %-23s.%06u %6u %4u %8" PRIu32 " ",
	       p->sequence, p->position,
	       p->timestamp_ns ? format_time(p->timestamp_ns).text : "-",
	       (unsigned)(p->timestamp_ns % UINT64_C(1000000000) / 1000),
	       p->source, p->type, p->length);
	if (p->key_length > 0) {
		print_quoted(kept->bytes, key);
		(void)putchar(' ');
	}
	print_quoted(kept->bytes + key, size - key);
	printf("%s\n", p->length > KEPT ? "..." : "");
}

/* Take the next record; 1, 0 at the end, or an error. */
static int take(struct bcast_reader *reader, uint64_t end, struct kept *kept)
{
	int ret = bcast_next(reader, &kept->packet);

	if (ret != 1)
		return ret;
	if (kept->packet.position >= end)
		return 0;
	memset(kept->bytes, 0, sizeof(kept->bytes));
	memcpy(kept->bytes, kept->packet.payload,
	       kept->packet.length < KEPT ? kept->packet.length : KEPT);
	ret = bcast_consume(reader, kept->packet.size);
	return ret < 0 ? ret : 1;
}

static int print_records(struct bcast_reader *reader, uint64_t end,
			 uint32_t packets)
{
	struct kept *ring = calloc(packets, sizeof(*ring));
	uint64_t found = 0;
	int ret = 1;

	if (!ring)
		return -ENOMEM;
	while (ret == 1) {
		ret = take(reader, end, &ring[found % packets]);
		if (ret == 1)
			found++;
		else if (ret == BCAST_ELAPPED)
			ret = 1; /* a living writer; its oldest is next */
	}
	printf("\n%10s %12s %-30s %6s %4s %8s %s\n", "RECORD", "POSITION",
	       "TIME", "SOURCE", "TYPE", "LENGTH", "KEY, FIRST BYTES");
	for (uint64_t i = found > packets ? found - packets : 0; i < found; i++)
		print_record(&ring[i % packets]);
	free(ring);
	return ret;
}

/* ---- Bytes ------------------------------------------------------------- */

static void print_line(uint64_t position, const unsigned char *bytes,
		       size_t size)
{
	printf("%016" PRIx64 " ", position);
	for (size_t i = 0; i < BYTES_A_LINE; i++)
		if (i < size)
			printf(" %02x", bytes[i]);
		else
			printf("   ");
	printf("  |");
	for (size_t i = 0; i < size; i++)
		(void)putchar(bytes[i] < 0x80 && isprint(bytes[i]) ? bytes[i]
								   : '.');
	printf("|\n");
}

static int print_bytes(struct bcast_reader *reader, uint64_t position,
		       uint64_t end)
{
	unsigned char line[BYTES_A_LINE];

	printf("\n%-16s  %s\n", "POSITION (hex)", "THE LAST BYTES");
	while (position < end) {
		size_t wanted = end - position < sizeof(line)
					? (size_t)(end - position)
					: sizeof(line);
		int64_t n = bcast_read(reader, line, wanted);

		if (n <= 0)
			return (int)n;
		print_line(position, line, (size_t)n);
		position += (uint64_t)n;
	}
	return 0;
}

int postmortem_data(const struct bcast_stream_info *stream, uint32_t packets)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	uint64_t wanted = (uint64_t)packets * BYTES_A_LINE;
	struct bcast_reader *reader;
	int ret;

	options.from = BCAST_FROM_OLDEST;
	if (stream->format == BCAST_FORMAT_RAW) {
		options.from = BCAST_FROM_POSITION;
		options.position = stream->oldest;
		if (stream->tail - stream->oldest > wanted)
			options.position = stream->tail - wanted;
	}
	ret = bcast_attach(stream->name, &options, &reader);
	if (ret < 0)
		return ret;
	if (stream->format == BCAST_FORMAT_RAW)
		ret = print_bytes(reader, options.position, stream->tail);
	else
		ret = print_records(reader, stream->tail, packets);
	bcast_detach(reader);
	return ret == BCAST_ECLOSED || ret == BCAST_EABANDONED ? 0 : ret;
}
