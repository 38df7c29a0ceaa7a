/* SPDX-License-Identifier: MIT */
/* flip.c - see flip.h. */
#include "flip.h"

#include <string.h>

#define TYPE_SEND 1u
#define TYPE_ECHO 2u

static uint32_t big_endian(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[2] << 8 | bytes[3];
}

bool flip(struct flip *flip, unsigned char **bytes, size_t *size)
{
	size_t at = 0;

	*bytes -= flip->filled;
	*size += flip->filled;
	memcpy(*bytes, flip->header, flip->filled);
	flip->filled = 0;
	while (at < *size) {
		unsigned char *header = *bytes + at;
		size_t part = *size - at;

		if (flip->left > 0) {
			if (part > flip->left)
				part = flip->left;
			flip->left -= (uint32_t)part;
			at += part;
			continue;
		}
		if (part < FLIP_HEADER_BYTES) {
			memcpy(flip->header, header, part);
			flip->filled = part;
			*size -= part;
			return true;
		}
		if (big_endian(header) != TYPE_SEND)
			return false;
		header[3] = TYPE_ECHO;
		flip->left = big_endian(header + 4);
		at += FLIP_HEADER_BYTES;
	}
	return true;
}
