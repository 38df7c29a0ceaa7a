/* SPDX-License-Identifier: MIT */
/*
 * registry.h - the second object of a stream, /dev/shm/bcast.NAME.nodes, where
 * local processes are known by an id (layout.h). Made empty, beside each
 * segment; joining is node.h's business.
 */
#ifndef BC_REGISTRY_H
#define BC_REGISTRY_H

#include <stdint.h>
#include <sys/types.h>

struct bc_registry_config {
	const char *name;
	uint64_t epoch;	      /* of the segment */
	uint32_t node_count;  /* 1 to BC_NODES_MAX */
	uint64_t inbox_bytes; /* a power of two, a page to BC_INBOX_BYTES_MAX */
	mode_t mode;
	gid_t group; /* (gid_t)-1: leave */
};

#define BC_NODES_DEFAULT       64u
#define BC_NODES_MAX	       4096u
#define BC_INBOX_BYTES_DEFAULT (UINT64_C(1) << 20)
#define BC_INBOX_BYTES_MAX     (UINT64_C(1) << 30)

/*
 * bc_registry_size - bytes of shared memory that a registry takes before any
 * node joins; each then takes its inbox, up to inbox_bytes and a page.
 */
uint64_t bc_registry_size(uint32_t node_count);

/*
 * bc_registry_create - make the object. An old one of that name is unlinked
 * first: the caller holds the name lock and has retired the segment it went
 * with. Header and slots are allocated; inboxes take no memory until their
 * slot is claimed. Returns 0, -ENOSPC, -EINVAL (config), BCAST_ENAME, or
 * -errno; nothing is left on failure.
 */
int bc_registry_create(const struct bc_registry_config *config);

/*
 * bc_registry_adopt - keep the object that went with an adopted segment, if it
 * is sound, of that epoch and of these sizes; mode and group are set as
 * configured. Returns 0, 1 (absent, or not to be kept: create another), or
 * -errno. The caller holds the name lock.
 */
int bc_registry_adopt(const struct bc_registry_config *config);

/* bc_registry_unlink - remove the name. Returns 0 (also if absent) or -errno.
 */
int bc_registry_unlink(const char *name);

#endif
