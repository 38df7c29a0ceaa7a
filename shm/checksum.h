/* SPDX-License-Identifier: MIT */
/*
 * checksum.h - crc32c (Castagnoli), the checksum of messages and packets.
 *
 * By ISA-L, which chooses at run time what the processor does best (SSE4.2 and
 * PCLMULQDQ, the crc32 instructions of aarch64, else a table).
 */
#ifndef BC_CHECKSUM_H
#define BC_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * bc_checksum - crc32c of `size` bytes, going on from that of the bytes before
 * them, 0 if there are none: bc_checksum(bc_checksum(0, a), b) is that of a and
 * b in a row. Some 10 to 20 GB/s. Does not block.
 */
uint32_t bc_checksum(uint32_t before, const void *data, size_t size);

#endif
