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

uint32_t postmortem_data_kept(const struct postmortem_record *record)
{
	uint32_t length = record->packet.length;

	return length < POSTMORTEM_KEPT ? length : POSTMORTEM_KEPT;
}

uint32_t postmortem_data_key(const struct postmortem_record *record)
{
	uint32_t kept = postmortem_data_kept(record);

	return record->packet.key_length < kept ? record->packet.key_length
						: kept;
}

const struct postmortem_record *postmortem_data_record(
	const struct postmortem_data *data, uint64_t index)
{
	uint64_t first =
		data->found > data->room ? data->found - data->room : 0;

	if (!data->records || index >= data->found - first)
		return NULL;
	return &data->records[(first + index) % data->room];
}

static void print_record(const struct postmortem_record *kept)
{
	const struct bcast_packet *p = &kept->packet;
	size_t size = postmortem_data_kept(kept);
	size_t key = postmortem_data_key(kept);

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
	printf("%s\n", p->length > POSTMORTEM_KEPT ? "..." : "");
}

/* Take the next record; 1, 0 at the end, or an error. */
static int take(struct bcast_reader *reader, uint64_t end,
		struct postmortem_record *kept)
{
	int ret = bcast_next(reader, &kept->packet);

	if (ret != 1)
		return ret;
	if (kept->packet.position >= end)
		return 0;
	memset(kept->bytes, 0, sizeof(kept->bytes));
	memcpy(kept->bytes, kept->packet.payload,
	       kept->packet.length < POSTMORTEM_KEPT ? kept->packet.length
						     : POSTMORTEM_KEPT);
	ret = bcast_consume(reader, kept->packet.size);
	return ret < 0 ? ret : 1;
}

static int read_records(struct bcast_reader *reader, uint64_t end,
			struct postmortem_data *data)
{
	int ret = 1;

	while (ret == 1) {
		ret = take(reader, end,
			   &data->records[data->found % data->room]);
		if (ret == 1)
			data->found++;
		else if (ret == BCAST_ELAPPED)
			ret = 1; /* a living writer; its oldest is next */
	}
	return ret;
}

static void print_records(const struct postmortem_data *data)
{
	const struct postmortem_record *record;

	printf("\n%10s %12s %-30s %6s %4s %8s %s\n", "RECORD", "POSITION",
	       "TIME", "SOURCE", "TYPE", "LENGTH", "KEY, FIRST BYTES");
	for (uint64_t i = 0; (record = postmortem_data_record(data, i)); i++)
		print_record(record);
}

/* ---- Bytes ------------------------------------------------------------- */

static void print_line(uint64_t position, const unsigned char *bytes,
		       size_t size)
{
	printf("%016" PRIx64 " ", position);
	for (size_t i = 0; i < POSTMORTEM_LINE; i++)
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

static int read_bytes(struct bcast_reader *reader, uint64_t wanted,
		      struct postmortem_data *data)
{
	while (data->size < wanted) {
		int64_t n = bcast_read(reader, data->bytes + data->size,
				       wanted - data->size);

		if (n <= 0)
			return (int)n;
		data->size += (uint64_t)n;
	}
	return 0;
}

static void print_bytes(const struct postmortem_data *data)
{
	printf("\n%-16s  %s\n", "POSITION (hex)", "THE LAST BYTES");
	for (uint64_t at = 0; at < data->size; at += POSTMORTEM_LINE)
		print_line(data->position + at, data->bytes + at,
			   data->size - at < POSTMORTEM_LINE
				   ? (size_t)(data->size - at)
				   : POSTMORTEM_LINE);
}

/* ---- Either ------------------------------------------------------------ */

/* Room for what is wanted. Where to begin, and how many bytes that is. */
static int prepare(const struct bcast_stream_info *stream, uint32_t packets,
		   struct bcast_attach_options *options,
		   struct postmortem_data *data)
{
	uint64_t wanted = (uint64_t)packets * POSTMORTEM_LINE;

	if (stream->format == BCAST_FORMAT_PACKET) {
		options->from = BCAST_FROM_OLDEST;
		data->room = packets;
		data->records = calloc(packets, sizeof(*data->records));
		return data->records ? 0 : -ENOMEM;
	}
	if (stream->tail - stream->oldest < wanted)
		wanted = stream->tail - stream->oldest;
	options->from = BCAST_FROM_POSITION;
	options->position = stream->tail - wanted;
	data->position = stream->tail - wanted;
	data->bytes = malloc(wanted ? wanted : 1);
	return data->bytes ? 0 : -ENOMEM;
}

int postmortem_data_read(const struct bcast_stream_info *stream,
			 uint32_t packets, struct postmortem_data *data)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;
	int ret = prepare(stream, packets, &options, data);

	if (ret == 0)
		ret = bcast_attach(stream->name, &options, &reader);
	if (ret < 0)
		return ret;
	if (data->records)
		ret = read_records(reader, stream->tail, data);
	else
		ret = read_bytes(reader, stream->tail - data->position, data);
	bcast_detach(reader);
	return ret == BCAST_ECLOSED || ret == BCAST_EABANDONED ? 0 : ret;
}

void postmortem_data_free(struct postmortem_data *data)
{
	free(data->records);
	free(data->bytes);
	*data = (struct postmortem_data){.records = NULL};
}

void postmortem_data_print(const struct postmortem_data *data)
{
	if (data->records)
		print_records(data);
	else if (data->bytes)
		print_bytes(data);
}
