/* SPDX-License-Identifier: MIT */
/*
 * mapping.c - see mapping.h.
 *
 * The address range is reserved first, inaccessible, with 2 MiB to spare; then
 * the two halves are put over its aligned part. Doing it in this order leaves
 * no moment at which another thread's mmap could take the second half.
 */
#include <errno.h>
#include <stddef.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/layout.h"
#include "shm/mapping.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Give back [from, to) of a reservation. */
static void trim(unsigned char *from, const unsigned char *to)
{
	if (to > from)
		(void)munmap(from, (size_t)(to - from));
}

static unsigned char *reserve_aligned(size_t size)
{
	unsigned char *raw, *aligned;

	raw = mmap(NULL, size + BC_HUGE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return NULL;
	aligned = raw + (-(uintptr_t)raw & (BC_HUGE - 1));
	trim(raw, aligned);
	trim(aligned + size, raw + size + BC_HUGE);
	return aligned;
}

int bc_mapping_mirror(unsigned char **ring, int fd, uint64_t offset,
		      uint64_t capacity, bool writable)
{
	int protection = PROT_READ | (writable ? PROT_WRITE : 0);
	unsigned char *base = reserve_aligned(2 * capacity);

	if (!base)
		return -ENOMEM;
	for (unsigned half = 0; half < 2; half++) {
		void *got = mmap(base + half * capacity, capacity, protection,
				 MAP_SHARED | MAP_FIXED, fd, (off_t)offset);

		if (got == MAP_FAILED) {
			int error = errno;

			bc_mapping_unmirror(base, capacity);
			return -error;
		}
	}
	*ring = base;
	return 0;
}

void bc_mapping_unmirror(unsigned char *ring, uint64_t capacity)
{
	if (ring)
		(void)munmap(ring, 2 * capacity);
}

void bc_mapping_want_huge(void *address, uint64_t size)
{
	(void)madvise(address, size, MADV_HUGEPAGE);
}

int bc_mapping_node(const void *address)
{
	int node = -1;

	if (syscall(SYS_get_mempolicy, &node, NULL, 0UL, address,
		    (unsigned long)(MPOL_F_NODE | MPOL_F_ADDR)) < 0)
		return -errno;
	return node;
}

int bc_mapping_populate(void *address, uint64_t size)
{
	while (madvise(address, size, MADV_POPULATE_WRITE) < 0) {
		if (errno == EINTR || errno == EAGAIN)
			continue;
		return errno == EINVAL ? 0 : -errno;
	}
	return 0;
}
