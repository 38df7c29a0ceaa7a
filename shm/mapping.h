/* SPDX-License-Identifier: MIT */
/*
 * mapping.h - map the ring twice, back to back.
 *
 * With two mappings of the same pages one after the other, any span of up to
 * capacity bytes that starts in the first is contiguous in memory: no send, no
 * receive and no reader ever meets the wrap.
 */
#ifndef BC_MAPPING_H
#define BC_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * bc_mapping_mirror - map `capacity` bytes of fd at `offset` twice.
 *
 * The address is aligned to 2 MiB, so that huge pages can be used where the
 * kernel has them. `ring` receives it. Returns 0, or -errno (-ENOMEM: no
 * address space; -EACCES: writable asked of a read-only descriptor).
 */
int bc_mapping_mirror(unsigned char **ring, int fd, uint64_t offset,
		      uint64_t capacity, bool writable);

/* bc_mapping_unmirror - undo it. NULL is allowed. */
void bc_mapping_unmirror(unsigned char *ring, uint64_t capacity);

/*
 * bc_mapping_populate - touch all pages for writing now, so that no fault is
 * taken later. Returns 0 or -errno; never SIGBUS. On a kernel before 5.14 it
 * does nothing and returns 0: faults then come one by one, as ever.
 */
int bc_mapping_populate(void *address, uint64_t size);

#endif
