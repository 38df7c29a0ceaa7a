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
 * bc_mapping_want_huge - ask for huge pages here, as far as /dev/shm is mounted
 * to give them. No result, since the kernel's says nothing: it is 0 also where
 * there never are any. /proc/self/smaps knows what was given.
 */
void bc_mapping_want_huge(void *address, uint64_t size);

/*
 * bc_mapping_node - the NUMA node that the page at this address is on. 0 on a
 * machine with one node; -ENOSYS, -EPERM where the kernel (or a container's
 * filter) does not say; -EFAULT without a page. One system call; no libnuma, so
 * that readers need none.
 */
int bc_mapping_node(const void *address);

/*
 * bc_mapping_populate - touch all pages for writing now, so that no fault is
 * taken later. Returns 0 or -errno; never SIGBUS. On a kernel before 5.14 it
 * does nothing and returns 0: faults then come one by one, as ever.
 */
int bc_mapping_populate(void *address, uint64_t size);

#endif
