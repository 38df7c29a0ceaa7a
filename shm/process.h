/* SPDX-License-Identifier: MIT */
/*
 * process.h - who this process is, for people to read in the segment. Nothing
 * is decided by these numbers: liveness is a lock (layout.h).
 */
#ifndef BC_PROCESS_H
#define BC_PROCESS_H

#include <stdint.h>

/* bc_process_start_ticks - /proc/self/stat field 22; 0 if it cannot be read. */
uint64_t bc_process_start_ticks(void);

/* bc_process_pid_namespace - inode of /proc/self/ns/pid; 0 likewise. */
uint64_t bc_process_pid_namespace(void);

#endif
