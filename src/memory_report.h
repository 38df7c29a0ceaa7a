/* SPDX-License-Identifier: MIT */
/*
 * memory_report.h - say once what the ring's memory is: size, huge pages, NUMA
 * node. As a line of the log (ring_memory) and as facts in the segment.
 */
#ifndef SRC_MEMORY_REPORT_H
#define SRC_MEMORY_REPORT_H

#include "src/daemon.h"

/*
 * memory_report - needs the segment. Reads /proc/self/smaps, which takes some
 * milliseconds per 256 MiB of ring.
 */
void memory_report(struct daemon *daemon);

#endif
