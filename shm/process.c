/* SPDX-License-Identifier: MIT */
/* process.c - see process.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shm/process.h"

/* The field before the parenthesis closes may hold anything, even ") 1 2". */
static uint64_t parse_start_ticks(const char *line)
{
	const char *at = strrchr(line, ')');

	if (!at)
		return 0;
	for (unsigned field = 2; field < 22; field++) {
		at = strchr(at + 1, ' ');
		if (!at)
			return 0;
	}
	return strtoull(at + 1, NULL, 10);
}

uint64_t bc_process_start_ticks(void)
{
	FILE *stat = fopen("/proc/self/stat", "re");
	char line[1024];
	uint64_t ticks = 0;

	if (!stat)
		return 0;
	if (fgets(line, sizeof(line), stat))
		ticks = parse_start_ticks(line);
	(void)fclose(stat);
	return ticks;
}

uint64_t bc_process_pid_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}
