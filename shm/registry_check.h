/* SPDX-License-Identifier: MIT */
/*
 * registry_check.h - judge a registry's header that any process of the group
 * may have written, without believing any of it.
 */
#ifndef BC_REGISTRY_CHECK_H
#define BC_REGISTRY_CHECK_H

#include <stdint.h>

#include "shm/layout.h"

/* What a sound header says. */
struct bc_registry_geometry {
	uint64_t epoch;
	uint32_t node_count;
	uint64_t slots_offset;
	uint64_t slots_end; /* bytes to map for header and slots */
	uint64_t inboxes_offset;
	uint64_t inbox_size;
};

/*
 * bc_registry_check - whether the header describes an object of object_size
 * bytes that can be used. A pure function of its arguments; the header may be
 * changed while it runs. Returns 0 with *geometry filled, or BCAST_ENOTREADY,
 * BCAST_EFOREIGN, BCAST_EVERSION, BCAST_ELAYOUT, BCAST_ETOOSMALL.
 */
int bc_registry_check(const struct bc_registry_shm *header,
		      uint64_t object_size,
		      struct bc_registry_geometry *geometry);

#endif
