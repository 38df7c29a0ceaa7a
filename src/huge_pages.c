/* SPDX-License-Identifier: MIT */
/*
 * huge_pages.c - see huge_pages.h.
 *
 * A line of smaps that begins with two addresses opens a mapping; its figures
 * follow, a name, a colon and kilobytes each. Only the one mapping is read to
 * its end. Lines longer than the buffer come in pieces, which match nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "src/huge_pages.h"

#define LINE_MAX_BYTES 4608 /* a path of PATH_MAX and what stands before it */
#define HUGE_BYTES     (UINT64_C(2) << 20)

static bool is_heading(const char *line, uintptr_t *first)
{
	uintptr_t last;

	return sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", first, &last) == 2;
}

/* Kilobytes of a line "Name: N kB", if it has this name. */
static int64_t figure(const char *line, const char *name)
{
	size_t length = strlen(name);
	int64_t kilobytes;

	if (strncmp(line, name, length) != 0 || line[length] != ':' ||
	    sscanf(line + length + 1, "%" SCNd64, &kilobytes) != 1 ||
	    kilobytes < 0 || kilobytes > INT64_MAX / 4096)
		return 0;
	return kilobytes * 1024;
}

int64_t huge_pages_mapped(FILE *smaps, uintptr_t address)
{
	char line[LINE_MAX_BYTES];
	bool found = false;
	int64_t bytes = 0;

	while (fgets(line, sizeof(line), smaps)) {
		uintptr_t first;

		if (is_heading(line, &first)) {
			if (found)
				break;
			found = first == address;
		} else if (found) {
			bytes += figure(line, "ShmemPmdMapped");
			bytes += figure(line, "FilePmdMapped");
		}
	}
	return found ? bytes : -ENOENT;
}

const char *huge_pages_mount_option(FILE *mounts, char *buffer, size_t size)
{
	char line[LINE_MAX_BYTES], where[256], options[1024];

	(void)snprintf(buffer, size, "never");
	/* a later line for the same place lies over the earlier ones */
	while (fgets(line, sizeof(line), mounts)) {
		const char *value;

		if (sscanf(line, "%*s %255s %*s %1023s", where, options) != 2 ||
		    strcmp(where, "/dev/shm") != 0)
			continue;
		value = strstr(options, "huge=");
		(void)snprintf(buffer, size, "%.*s",
			       value ? (int)strcspn(value + 5, ",") : 5,
			       value ? value + 5 : "never");
	}
	return buffer;
}

const char *huge_pages_setting(FILE *file, char *buffer, size_t size)
{
	char line[256];
	const char *open;

	(void)snprintf(buffer, size, "unknown");
	if (!fgets(line, sizeof(line), file))
		return buffer;
	open = strchr(line, '[');
	if (open && strchr(open, ']'))
		(void)snprintf(buffer, size, "%.*s",
			       (int)strcspn(open + 1, "]"), open + 1);
	return buffer;
}

const char *huge_pages_why(uint64_t ring_bytes, uint64_t huge_bytes,
			   const char *option, const char *setting)
{
	if (huge_bytes >= ring_bytes)
		return "";
	if (ring_bytes < HUGE_BYTES)
		return "the ring is smaller than a huge page";
	if (strcmp(setting, "deny") == 0)
		return "shmem_enabled in /sys/kernel/mm/transparent_hugepage "
		       "is deny";
	if (strcmp(option, "never") == 0 && strcmp(setting, "force") != 0)
		return "/dev/shm is mounted without them: mount -o "
		       "remount,huge=advise /dev/shm";
	return "the kernel had no more, or the ring is older than the setting";
}
