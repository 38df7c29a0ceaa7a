/* SPDX-License-Identifier: MIT */
/*
 * probe.c - how fast is this machine at this moment?
 *
 * Virtual machines and shared ones drift. What matters most for TCP between
 * two processors is how far apart they are: a hypervisor moves virtual ones
 * between sharing a cache and not, every few seconds, and loopback is then 3
 * times slower while arithmetic and copies in memory are as fast as ever. So
 * the quick probe (20 ms) is the round trip of a cache line between the first
 * two processors. The full one adds a plain copy in memory, past the caches,
 * and one loopback connection, together about half a second.
 */
#include "clock.h"
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_S	      0.02
#define PROBE_S	      0.25
#define MEMORY_BYTES  ((size_t)64 << 20)
#define MESSAGE_BYTES ((size_t)256 << 10)

static void *pages(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int copy_speed(double *gigabytes_per_s)
{
	uint8_t *from = pages(MEMORY_BYTES);
	uint8_t *to = pages(MEMORY_BYTES);
	const double start = now_s();
	double bytes = 0;
	double end;

	if (from == NULL || to == NULL)
		return -ENOMEM;
	do {
		memcpy(to, from, MEMORY_BYTES);
		/* The copy must not be optimised away. */
		__asm__ volatile("" : : "r"(to) : "memory");
		bytes += (double)MEMORY_BYTES;
		end = now_s();
	} while (end < start + PROBE_S);
	*gigabytes_per_s = bytes / (end - start) / 1e9;
	(void)munmap(from, MEMORY_BYTES);
	(void)munmap(to, MEMORY_BYTES);
	return 0;
}

static void *push(void *argument)
{
	const int fd = *(const int *)argument;
	uint8_t *memory = pages(MESSAGE_BYTES);

	while (memory != NULL &&
	       send(fd, memory, MESSAGE_BYTES, MSG_NOSIGNAL) > 0)
		continue;
	return NULL;
}

static double pull_gbit_s(int fd)
{
	uint8_t *memory = pages(MESSAGE_BYTES);
	const double start = now_s();
	double bytes = 0;
	double end = start;

	while (memory != NULL && end < start + PROBE_S) {
		ssize_t n = recv(fd, memory, MESSAGE_BYTES, 0);

		if (n <= 0)
			break;
		bytes += (double)n;
		end = now_s();
	}
	return end > start ? bytes * 8 / (end - start) / 1e9 : 0;
}

/* One connection, one thread at each end. */
static int loopback_speed(const char *congestion, double *gbit_s)
{
	struct sockaddr_in local = {0};
	socklen_t size = sizeof(local);
	char address[64];
	int ends[2] = {-1, -1};
	pthread_t thread;
	int listener = socket_listen("127.0.0.1:0", congestion, "probe");

	if (listener < 0)
		return listener;
	if (getsockname(listener, (struct sockaddr *)&local, &size) < 0)
		return -errno;
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u",
		       ntohs(local.sin_port));
	ends[0] = socket_connect(address, congestion, 0);
	if (ends[0] < 0)
		return ends[0];
	ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (ends[1] < 0 || pthread_create(&thread, NULL, push, &ends[1]) != 0)
		return -EIO;
	*gbit_s = pull_gbit_s(ends[0]);
	(void)close(ends[0]);
	(void)pthread_join(thread, NULL);
	(void)close(ends[1]);
	(void)close(listener);
	return 0;
}

/* ---- The cache line ---------------------------------------------------- */

struct line {
	_Alignas(128) atomic_uint_fast64_t ball; /* even: to be returned */
	atomic_bool over;
	int processors[2];
};

static void pin(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	/* Without it the figure is noisier, no more. */
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void *give_back(void *argument)
{
	struct line *line = argument;

	pin(line->processors[1]);
	while (!atomic_load_explicit(&line->over, memory_order_relaxed)) {
		uint64_t ball = atomic_load(&line->ball);

		if (ball % 2 == 1)
			atomic_store(&line->ball, ball + 1);
	}
	return NULL;
}

static double bounce(struct line *line)
{
	double start;
	double end;
	uint64_t trips = 0;

	pin(line->processors[0]);
	start = now_s();
	do {
		for (unsigned i = 0; i < 64; i++) {
			uint64_t ball = atomic_load(&line->ball) + 1;

			atomic_store(&line->ball, ball);
			while (atomic_load(&line->ball) == ball &&
			       now_s() < start + 2 * LINE_S)
				continue;
			trips++;
		}
		end = now_s();
	} while (end < start + LINE_S);
	return (end - start) * 1e9 / (double)trips;
}

/* 0 with one processor. The calling thread is left where it may run. */
static int line_round_trip(double *nanoseconds)
{
	struct line line = {.processors = {0, 0}};
	cpu_set_t allowed;
	unsigned found = 0;
	pthread_t thread;

	*nanoseconds = 0;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	for (int i = 0; i < CPU_SETSIZE && found < 2; i++) {
		if (CPU_ISSET(i, &allowed))
			line.processors[found++] = i;
	}
	if (found < 2)
		return 0;
	if (pthread_create(&thread, NULL, give_back, &line) != 0)
		return -EAGAIN;
	*nanoseconds = bounce(&line);
	atomic_store(&line.over, true);
	(void)pthread_join(thread, NULL);
	(void)sched_setaffinity(0, sizeof(allowed), &allowed);
	return 0;
}

/* bench_fanout_probe quick | full [CONGESTION] */
int main(int argc, char **argv)
{
	const bool full = argc > 1 && strcmp(argv[1], "full") == 0;
	double line = 0;
	double copy = 0;
	double loopback = 0;
	int ret = line_round_trip(&line);

	if (ret >= 0 && full)
		ret = copy_speed(&copy);
	if (ret >= 0 && full)
		ret = loopback_speed(argc > 2 ? argv[2] : NULL, &loopback);
	if (ret < 0) {
		(void)fprintf(stderr, "bench_fanout_probe: %s\n",
			      strerror(-ret));
		return 1;
	}
	(void)printf("{\"line_round_trip_ns\": %.1f", line);
	if (full)
		(void)printf(", \"memory_copy_gb_s\": %.2f, "
			     "\"loopback_gbit_s\": %.2f",
			     copy, loopback);
	(void)printf("}\n");
	return 0;
}
