/* SPDX-License-Identifier: MIT */
/* format.c - see format.h. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "format.h"

#define NS_PER_S UINT64_C(1000000000)

struct format_text format_bytes(uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB"};
	struct format_text result;
	double value = (double)bytes / 1024;
	unsigned unit = 0;

	if (bytes < 1024) {
		snprintf(result.text, sizeof(result.text), "%" PRIu64 " B",
			 bytes);
		return result;
	}
	/* 1023.5 would be rounded to four digits */
	for (; value >= 1023.5 && unit < 5; unit++)
		value /= 1024;
	snprintf(result.text, sizeof(result.text), "%.*f %s",
		 value < 9.995 ? 2 : (value < 99.95 ? 1 : 0), value,
		 units[unit]);
	return result;
}

struct format_text format_duration(uint64_t nanoseconds)
{
	struct format_text result;
	uint64_t seconds = nanoseconds / NS_PER_S;
	char *text = result.text;
	size_t size = sizeof(result.text);

	if (seconds < 60)
		snprintf(text, size, "%" PRIu64 ".%" PRIu64 " s", seconds,
			 nanoseconds % NS_PER_S / (NS_PER_S / 10));
	else if (seconds < 3600)
		snprintf(text, size, "%" PRIu64 " min %" PRIu64 " s",
			 seconds / 60, seconds % 60);
	else if (seconds < 86400)
		snprintf(text, size, "%" PRIu64 " h %02" PRIu64 " min",
			 seconds / 3600, seconds % 3600 / 60);
	else
		snprintf(text, size, "%" PRIu64 " d %" PRIu64 " h",
			 seconds / 86400, seconds % 86400 / 3600);
	return result;
}

struct format_text format_time(uint64_t realtime_ns)
{
	struct format_text result = {"?"};
	time_t seconds = (time_t)(realtime_ns / NS_PER_S);
	struct tm parts;

	if (gmtime_r(&seconds, &parts) &&
	    strftime(result.text, sizeof(result.text), "%Y-%m-%d %H:%M:%S UTC",
		     &parts) == 0)
		snprintf(result.text, sizeof(result.text), "?");
	return result;
}
