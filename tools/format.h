/* SPDX-License-Identifier: MIT */
/* format.h - numbers as people read them. */
#ifndef TOOLS_FORMAT_H
#define TOOLS_FORMAT_H

#include <stdint.h>

/* Results are returned by value, so that one printf can take several. */
struct format_text {
	char text[32];
};

/* format_bytes - "17 B", "1.00 KiB", "12.3 MiB", "456 GiB": three digits. */
struct format_text format_bytes(uint64_t bytes);

/* format_duration - "0.3 s", "42.0 s", "3 min 20 s", "2 h 03 min", "4 d 2 h".
 */
struct format_text format_duration(uint64_t nanoseconds);

/* format_time - "2026-01-31 23:59:59 UTC" of a CLOCK_REALTIME reading. */
struct format_text format_time(uint64_t realtime_ns);

#endif
