/* SPDX-License-Identifier: MIT */
/* sub_form.c - bcast-sub: what is written of a record. See sub.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sub.h"

#define PREFIX	 4   /* bytes of length */
#define JSON_MAX 256 /* without the key */
#define ESCAPED	 6   /* bytes that one of the key can take */
#define NS_PER_S UINT64_C(1000000000)

bool sub_form_parse(const char *text, enum sub_form *form)
{
	static const char *const names[] = {
		[SUB_FORM_LINES] = "lines",
		[SUB_FORM_PAYLOAD] = "payload",
		[SUB_FORM_LENGTH] = "length-prefixed",
		[SUB_FORM_RECORDS] = "records",
		[SUB_FORM_JSON] = "json",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*form = (enum sub_form)i;
			return true;
		}
	}
	return false;
}

size_t sub_form_room(const struct bcast_packet *packet)
{
	return packet->size + JSON_MAX + (size_t)packet->key_length * ESCAPED;
}

static size_t put_value(const struct bcast_packet *packet, unsigned char *to)
{
	size_t size = packet->length - packet->key_length;

	memcpy(to, (const unsigned char *)packet->payload + packet->key_length,
	       size);
	return size;
}

static size_t put_length(const struct bcast_packet *packet, unsigned char *to)
{
	uint32_t size = packet->length - packet->key_length;

	to[0] = (unsigned char)(size >> 24);
	to[1] = (unsigned char)(size >> 16);
	to[2] = (unsigned char)(size >> 8);
	to[3] = (unsigned char)size;
	return PREFIX + put_value(packet, to + PREFIX);
}

static size_t put_record(const struct bcast_packet *packet, unsigned char *to)
{
	const struct bcast_packet_header header = {
		.length = packet->length,
		.type = packet->type,
		.flags = packet->flags,
		.sequence = packet->sequence,
		.timestamp_ns = packet->timestamp_ns,
		.crc32c = packet->crc32c,
		.source = packet->source,
		.key_length = packet->key_length,
	};

	memcpy(to, &header, sizeof(header));
	memcpy(to + sizeof(header), packet->payload, packet->length);
	memset(to + sizeof(header) + packet->length, 0,
	       packet->size - sizeof(header) - packet->length);
	return packet->size;
}

/*
 * As JSON has it; bytes that are no ASCII as the characters of their numbers.
 */
static size_t put_key(const struct bcast_packet *packet, char *to)
{
	const unsigned char *key = packet->payload;
	size_t at = 0;

	for (size_t i = 0; i < packet->key_length; i++) {
		unsigned char c = key[i];

		if (c >= ' ' && c <= '~' && c != '"' && c != '\\')
			to[at++] = (char)c;
		else
			at += (size_t)snprintf(to + at, ESCAPED + 1, "\\u%04x",
					       c);
	}
	return at;
}

static size_t put_json(const struct bcast_packet *packet, unsigned char *bytes)
{
	char *to = (char *)bytes;
	size_t at = (size_t)snprintf(
		to, JSON_MAX,
		"{\"sequence\":%" PRIu64 ",\"position\":%" PRIu64
		",\"time\":%" PRIu64 ".%09" PRIu64 ",\"source\":%u"
		",\"length\":%" PRIu32 ",\"crc32c\":%" PRIu32 ",\"key\":\"",
		packet->sequence, packet->position,
		packet->timestamp_ns / NS_PER_S,
		packet->timestamp_ns % NS_PER_S, packet->source, packet->length,
		packet->crc32c);

	at += put_key(packet, to + at);
	memcpy(to + at, "\"}\n", 3);
	return at + 3;
}

size_t sub_form_put(enum sub_form form, const struct bcast_packet *packet,
		    unsigned char *to)
{
	size_t size;

	switch (form) {
	case SUB_FORM_LINES:
		size = put_value(packet, to);
		to[size] = '\n';
		return size + 1;
	case SUB_FORM_PAYLOAD:
		return put_value(packet, to);
	case SUB_FORM_LENGTH:
		return put_length(packet, to);
	case SUB_FORM_RECORDS:
		return put_record(packet, to);
	case SUB_FORM_JSON:
		return put_json(packet, to);
	}
	return 0;
}
