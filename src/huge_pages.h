/* SPDX-License-Identifier: MIT */
/*
 * huge_pages.h - what the kernel really gave, and why not more.
 *
 * madvise(MADV_HUGEPAGE) answers 0 whatever comes of it. /proc/self/smaps knows
 * what is mapped; the mount option of /dev/shm and the system's setting say
 * why.
 */
#ifndef SRC_HUGE_PAGES_H
#define SRC_HUGE_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * huge_pages_mapped - bytes mapped by huge pages in the mapping that begins at
 * this address, out of the text of /proc/PID/smaps. -ENOENT: no such mapping.
 */
int64_t huge_pages_mapped(FILE *smaps, uintptr_t address);

/*
 * huge_pages_mount_option - the value of huge= that /dev/shm is mounted with,
 * out of the text of /proc/mounts; "never" if there is none, as the kernel
 * takes it. Returns `buffer`.
 */
const char *huge_pages_mount_option(FILE *mounts, char *buffer, size_t size);

/*
 * huge_pages_setting - the word in brackets of a file such as
 * /sys/kernel/mm/transparent_hugepage/shmem_enabled; "unknown" without one.
 * Returns `buffer`.
 */
const char *huge_pages_setting(FILE *file, char *buffer, size_t size);

/*
 * huge_pages_why - why not all of the ring is in huge pages, and what to do;
 * "" if it is. `option` and `setting` as above. A static string.
 */
const char *huge_pages_why(uint64_t ring_bytes, uint64_t huge_bytes,
			   const char *option, const char *setting);

#endif
