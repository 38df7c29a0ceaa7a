/* SPDX-License-Identifier: MIT */
/* client_list.c - which streams there are, by the names in /dev/shm. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/name.h"

/* The stream that a file in /dev/shm belongs to; NULL if it is none's. */
static const char *stream_name(const char *file)
{
	static const char prefix[] = "bcast.";
	const char *name = file + sizeof(prefix) - 1;

	if (strncmp(file, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	/* names ending in .nodes and .lock are not valid: other objects */
	return bc_name_valid(name) ? name : NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int bcast_list(char (*names)[BCAST_NAME_MAX + 1], int max)
{
	DIR *directory = opendir("/dev/shm");
	const struct dirent *entry;
	int count = 0;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory)) != NULL) {
		const char *name = stream_name(entry->d_name);

		if (!name)
			continue;
		if (count < max)
			memcpy(names[count], name, strlen(name) + 1);
		count++;
	}
	(void)closedir(directory);
	if (count > 0 && max > 0)
		qsort(names, (size_t)(count < max ? count : max),
		      sizeof(names[0]), compare);
	return count;
}
