/* SPDX-License-Identifier: MIT */
/* ring.c - the part of ring.h that is not in anybody's hot path. */
#include "shm/ring.h"

uint64_t bc_ring_resync(const struct bc_ring *ring, uint64_t position)
{
	uint64_t target = bc_ring_oldest(ring) + ring->capacity / 8;
	uint64_t tail = bc_ring_tail(ring);

	if (target > tail)
		target = tail;
	return target > position ? target : position;
}
