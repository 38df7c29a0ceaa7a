/* SPDX-License-Identifier: MIT */
/*
 * memory.h - what a server holds: in its own pages, and in sockets' buffers.
 *
 * Pages of a process are counted by /proc/PID/smaps_rollup: what is anonymous
 * or in shared memory. (Of files, programs and libraries, its share changes
 * with who else runs them.) The kernel's buffers are no process's:
 * /proc/net/sockstat has the sum of all TCP sockets of this machine, both ends.
 */
#ifndef BENCH_SCALE_MEMORY_H
#define BENCH_SCALE_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

struct memory {
	int64_t user_bytes;    /* shared ones divided by who maps them */
	int64_t private_bytes; /* dirty, private to the process */
	int64_t socket_bytes;
};

/* memory_now - of this server; 0: none. Returns 0 or -errno. */
int memory_now(pid_t server, struct memory *memory);

#endif
