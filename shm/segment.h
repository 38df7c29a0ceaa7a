/* SPDX-License-Identifier: MIT */
/*
 * segment.h - create, adopt, attach and retire a stream's segment: the only
 * place that opens, sizes and maps /dev/shm/bcast.NAME.
 *
 * Who owns what. The daemon that creates or adopts a segment is its owner until
 * it dies: it holds the name lock (one daemon per name, name_lock.h) and the
 * owner's lock in the object (liveness, layout.h). Readers own nothing but
 * their own mapping. An object is never truncated; it is unlinked only by its
 * live owner or by the next holder of the name lock, and whoever has it mapped
 * keeps it.
 */
#ifndef BC_SEGMENT_H
#define BC_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shm/layout.h"
#include "shm/ring.h"

/* A region as found and checked in this mapping. */
struct bc_region {
	unsigned char *base; /* NULL: the segment has none */
	uint32_t count;
};

/* A process's view of a segment. Zeroed is closed. */
struct bc_segment {
	int fd;
	bool writable;
	char name[BC_NAME];
	struct bc_control_shm *control; /* maps [0, ring_offset) */
	uint64_t control_size;
	uint64_t segment_size;
	struct bc_region regions[BC_REGION_MAX]; /* by enum bc_region_id */
	struct bc_ring ring;			 /* base NULL: not mapped */
	uint64_t closed_count; /* connections remembered so far; the owner's */
};

/* What a new segment shall be. */
struct bc_segment_config {
	const char *name;
	uint64_t capacity; /* a power of two within BCAST_RING_MIN..MAX */
	uint32_t format;   /* enum bcast_stream_format */
	uint32_t max_receivers;
	uint32_t peer_slots;	/* connection table entries */
	uint32_t index_entries; /* packet index entries; 0 for raw */
	mode_t mode;		/* permissions once complete */
	gid_t group;		/* (gid_t)-1: leave */
};

/* bc_segment_size - bytes of shared memory that `config` needs. */
uint64_t bc_segment_size(const struct bc_segment_config *config);

/*
 * bc_segment_create - make a new segment, state STARTING, epoch new, memory
 * all there (no later SIGBUS), mapped writable and ring included.
 *
 * The caller holds the name lock, so that no other daemon is at it. Returns 0,
 * or
 *	BCAST_EOWNED	an owner is alive all the same
 *	-EEXIST		there is a segment of that name: bc_segment_retire() it
 *	-ENOSPC		/dev/shm (or the memory limit) is too small
 *	-EACCES, -EPERM, -ENOMEM, -EINVAL (config) ...
 * On failure nothing is left behind. Blocks while memory is allocated: about
 * 0.1 s per 256 MiB.
 */
int bc_segment_create(struct bc_segment *segment,
		      const struct bc_segment_config *config);

/*
 * bc_segment_adopt - go on with what a dead owner left under this name: same
 * epoch, same positions, same mapping for all who read it; the incarnation is
 * one more, the state STARTING, and mode and group are those configured. What
 * is closed, freed or cleared of the dead one's doings: see segment_adopt.c.
 *
 * The caller holds the name lock. Returns 0, or
 *	1		it cannot be adopted; *reason says why, in a static
 *			text. bc_segment_retire() it and create another
 *	-ENOENT		there is none
 *	BCAST_EOWNED	its owner is alive, or only just dead: its lock goes
 *			with its mappings, some time after its descriptors
 *	BCAST_EFOREIGN	a link, a directory or a socket has its name
 *	-EACCES, -EPERM (group), -ENOMEM, ...
 * On failure the object is as before, but for permissions that were taken
 * away. May be killed at any line. Blocks for as long as mapping the pages
 * takes; the owner counts as alive before that.
 */
int bc_segment_adopt(struct bc_segment *segment,
		     const struct bc_segment_config *config,
		     const char **reason);

/*
 * bc_segment_retire - end what a dead owner left under this name: mark it
 * closed, wake its readers, unlink it. The caller holds the name lock.
 * Returns 1 if something was retired, 0 if there was nothing, BCAST_EOWNED if
 * its owner is alive, BCAST_EFOREIGN (a link, directory or socket), or -errno
 * (-EACCES, -EPERM: it belongs to someone else).
 * Does not block.
 */
int bc_segment_retire(const char *name);

/* What to map. */
enum bc_segment_view {
	BC_VIEW_CONTROL, /* control block and regions */
	BC_VIEW_ALL,	 /* the ring as well */
	BC_VIEW_WRITE,	 /* all of it, writable: for a local publisher */
};

/*
 * bc_segment_attach - map an existing segment, read-only but for BC_VIEW_WRITE,
 * after checking all that can be checked. Returns 0, -ENOENT, -EACCES,
 * BCAST_ENAME, BCAST_ENOTREADY, BCAST_EFOREIGN, BCAST_EVERSION, BCAST_ELAYOUT,
 * BCAST_ETOOSMALL, or -errno. Does not block.
 */
int bc_segment_attach(struct bc_segment *segment, const char *name,
		      enum bc_segment_view view);

/* bc_segment_close - unmap and close. The object stays. Idempotent. */
void bc_segment_close(struct bc_segment *segment);

/*
 * bc_segment_unlink - remove the owner's own object from the name space. Those
 * who have it mapped keep it. The live owner only.
 */
int bc_segment_unlink(const struct bc_segment *segment);

/*
 * bc_segment_owner_alive - ask the kernel: 1, 0, or -errno. Also true in the
 * owner's own process when asked through another handle.
 */
int bc_segment_owner_alive(const struct bc_segment *segment);

/*
 * bc_segment_is_named - does /dev/shm/bcast.NAME still lead to this segment? 1;
 * 0 once it is unlinked, or another object has its name; or -errno. Opens a
 * descriptor for a moment.
 */
int bc_segment_is_named(const struct bc_segment *segment);

/* Whose object it is, and what it lets whom do: as the kernel says, now. */
struct bc_segment_rights {
	uid_t owner;
	gid_t group;
	mode_t mode;
};

/* bc_segment_rights - fill *rights. Returns 0 or -errno. */
int bc_segment_rights(const struct bc_segment *segment,
		      struct bc_segment_rights *rights);

/* bc_segment_state - the state as stored, read with acquire. */
uint32_t bc_segment_state(const struct bc_segment *segment);

/*
 * bc_segment_set_state - the owner announces a state and wakes all sleepers;
 * CLOSED also notes the time of the end.
 */
void bc_segment_set_state(struct bc_segment *segment, enum bc_state state);

/* bc_segment_beat - the owner's sign of life. */
void bc_segment_beat(struct bc_segment *segment, uint64_t now_ns);

/*
 * bc_segment_space - how many bytes /dev/shm has and has free. Returns 0 or
 * -errno.
 */
int bc_segment_space(uint64_t *total_bytes, uint64_t *free_bytes);

#endif
