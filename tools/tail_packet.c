/* SPDX-License-Identifier: MIT */
/*
 * tail_packet.c - see tail_packet.h.
 *
 * Each record is copied first and consumed after, which says whether the copy
 * is whole; only then it counts. Many go out in one write(2).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bcast/monitor.h>

#include "tail_packet.h"

#define NS_PER_S UINT64_C(1000000000)
#define LINE_MAX 96

bool tail_packet_format(const char *name)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;

	if (bcast_monitor_open(name, &monitor) < 0)
		return false;
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	return info.format == BCAST_FORMAT_PACKET;
}

static const char *checksum_word(const struct bcast_packet *packet)
{
	if (packet->crc32c == 0)
		return "none";
	return bcast_packet_verify(packet) ? "right" : "wrong";
}

static size_t header_line(const struct bcast_packet *packet, char *line)
{
	int length = snprintf(line, LINE_MAX,
			      "%" PRIu64 " %" PRIu64 ".%09" PRIu64 " %" PRIu16
			      " %" PRIu32 " %s\n",
			      packet->sequence, packet->timestamp_ns / NS_PER_S,
			      packet->timestamp_ns % NS_PER_S, packet->source,
			      packet->length, checksum_word(packet));

	return (size_t)length;
}

/* Returns how many bytes were put there; SIZE_MAX: they do not fit. */
static size_t put(const struct bcast_packet *packet, enum tail_form form,
		  unsigned char *to, size_t room)
{
	char line[LINE_MAX];
	size_t size = packet->length + (form == TAIL_FORM_LINE);

	if (form == TAIL_FORM_HEADER)
		size = header_line(packet, line);
	if (size > room)
		return SIZE_MAX;
	if (form == TAIL_FORM_HEADER) {
		memcpy(to, line, size);
		return size;
	}
	memcpy(to, packet->payload, packet->length);
	if (form == TAIL_FORM_LINE)
		to[packet->length] = '\n';
	return size;
}

int tail_packet_gather(struct bcast_reader *reader, enum tail_form form,
		       uint64_t stop_at, unsigned char *buffer, size_t room,
		       size_t *size)
{
	int taken = 0;

	*size = 0;
	while (bcast_position(reader) < stop_at) {
		struct bcast_packet packet;
		int ret = bcast_next(reader, &packet);
		size_t put_bytes;

		if (ret <= 0)
			return ret < 0 ? ret : taken;
		put_bytes = put(&packet, form, buffer + *size, room - *size);
		if (put_bytes == SIZE_MAX)
			return taken;
		ret = bcast_consume(reader, packet.size);
		if (ret < 0)
			return ret;
		*size += put_bytes;
		taken = 1;
	}
	return taken;
}
