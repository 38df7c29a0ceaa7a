/* SPDX-License-Identifier: MIT */
/* checksum.c - see checksum.h. */
#include <isa-l/crc.h>
#include <string.h>

#include "shm/checksum.h"

#define PIECE_MAX ((size_t)1 << 30) /* ISA-L counts in int */

uint32_t bc_checksum(uint32_t before, const void *data, size_t size)
{
	uint32_t value = ~before;
	unsigned char *at;

	memcpy(&at, &data, sizeof(at)); /* ISA-L forgot the const */

	while (size > 0) {
		size_t piece = size < PIECE_MAX ? size : PIECE_MAX;

		value = crc32_iscsi(at, (int)piece, value);
		at += piece;
		size -= piece;
	}
	return ~value;
}
