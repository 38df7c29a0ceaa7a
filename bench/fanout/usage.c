/* SPDX-License-Identifier: MIT */
/*
 * usage.c - CPU time from /proc/PID/stat, /proc/stat and getrusage.
 *
 * getrusage() knows no foreign process, and a cgroup per server would need
 * root, so /proc it is. The command's name in /proc/PID/stat may hold spaces
 * and brackets: fields are counted from the last ')'.
 */
#include "usage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static double ticks_to_s(unsigned long long ticks)
{
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static int process_s(pid_t pid, double *seconds)
{
	char path[64];
	char line[1024];
	unsigned long long user, system;
	const char *fields;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return errno == ENOENT ? -ESRCH : -errno;
	fields = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	(void)fclose(file);
	if (fields == NULL)
		return -ESRCH;
	/* After ')': state is field 3; utime is 14, stime 15. */
	if (sscanf(fields + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
		   &user, &system) != 2)
		return -EPROTO;
	*seconds = ticks_to_s(user + system);
	return 0;
}

static int machine_s(double *busy, double *steal)
{
	unsigned long long user, nice, system, irq, softirq, stolen;
	FILE *file = fopen("/proc/stat", "re");
	int fields;

	if (file == NULL)
		return -errno;
	fields = fscanf(file, "cpu %llu %llu %llu %*u %*u %llu %llu %llu",
			&user, &nice, &system, &irq, &softirq, &stolen);
	(void)fclose(file);
	if (fields != 6)
		return -EPROTO;
	*busy = ticks_to_s(user + nice + system + irq + softirq);
	*steal = ticks_to_s(stolen);
	return 0;
}

static double timeval_s(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int usage_now(pid_t server, struct usage *usage)
{
	struct rusage own;
	int ret;

	*usage = (struct usage){0};
	if (server > 0) {
		ret = process_s(server, &usage->server_s);
		if (ret < 0)
			return ret;
	}
	ret = machine_s(&usage->busy_s, &usage->steal_s);
	if (ret < 0)
		return ret;
	if (getrusage(RUSAGE_SELF, &own) < 0)
		return -errno;
	usage->own_s = timeval_s(own.ru_utime) + timeval_s(own.ru_stime);
	return 0;
}
