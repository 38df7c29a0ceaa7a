/* SPDX-License-Identifier: MIT */
/* memory.c - see memory.h. */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int of_process(pid_t server, struct memory *memory)
{
	char path[64];
	char line[256];
	long kib;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup",
		       (long)server);
	file = fopen(path, "re");
	if (file == NULL)
		return -errno;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "Pss_Anon: %ld kB", &kib) == 1 ||
		    sscanf(line, "Pss_Shmem: %ld kB", &kib) == 1)
			memory->user_bytes += kib * 1024;
		else if (sscanf(line, "Private_Dirty: %ld kB", &kib) == 1)
			memory->private_bytes = kib * 1024;
	}
	(void)fclose(file);
	return 0;
}

static int of_sockets(struct memory *memory)
{
	char line[256];
	long pages;
	FILE *file = fopen("/proc/net/sockstat", "re");

	if (file == NULL)
		return -errno;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "TCP: %*s %*d %*s %*d %*s %*d %*s %*d mem %ld",
			   &pages) == 1)
			memory->socket_bytes = pages * sysconf(_SC_PAGESIZE);
	(void)fclose(file);
	return 0;
}

int memory_now(pid_t server, struct memory *memory)
{
	int ret = 0;

	*memory = (struct memory){0};
	if (server > 0)
		ret = of_process(server, memory);
	return ret < 0 ? ret : of_sockets(memory);
}
