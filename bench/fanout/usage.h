/* SPDX-License-Identifier: MIT */
/*
 * usage.h - CPU time used so far by the server, by this process, by all.
 *
 * Taken at both ends of a timed window. Time of a process is utime + stime of
 * all its threads, dead ones included, as the kernel keeps it (precise to a
 * clock tick, 10 ms). Kernel work for a socket that runs in a process's
 * context is charged to it: on loopback that includes most of the receiving
 * side's TCP work, which runs within the send.
 */
#ifndef BENCH_FANOUT_USAGE_H
#define BENCH_FANOUT_USAGE_H

#include <sys/types.h>

struct usage {
	double server_s; /* of the server's process; 0 without one */
	double own_s;
	double busy_s;	/* of all processors: user, system, interrupts */
	double steal_s; /* taken from all processors by the hypervisor */
};

/*
 * usage_now - what has been used so far. server 0: there is none. Returns 0,
 * or -errno if /proc could not be read (-ESRCH: the server is gone).
 */
int usage_now(pid_t server, struct usage *usage);

#endif
