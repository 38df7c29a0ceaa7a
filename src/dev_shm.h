/* SPDX-License-Identifier: MIT */
/*
 * dev_shm.h - the place where segments live: is it fit for them, is there room,
 * and what has somebody put there under our names?
 */
#ifndef SRC_DEV_SHM_H
#define SRC_DEV_SHM_H

#include <stdbool.h>
#include <stdint.h>

#include "src/check.h"

/* The place itself. */
struct dev_shm_place {
	bool there;
	bool memory;   /* a tmpfs or ramfs */
	bool writable; /* for this process */
	uint32_t mode; /* permission bits */
};

void dev_shm_read_place(struct dev_shm_place *place);
void dev_shm_judge_place(const struct dev_shm_place *place,
			 struct check_result *result);

/*
 * dev_shm_check - log a warning, with the remedy, if /dev/shm is not memory, or
 * is open to all without the sticky bit, so that anybody could remove what
 * others have there. If nothing can be put there, the first use of it says so.
 */
void dev_shm_check(void);

/* The room in it, in bytes. */
struct dev_shm_room {
	uint64_t total; /* 0: not limited */
	uint64_t available;
	uint64_t needed; /* at the start */
	uint64_t ring;	 /* of that */
	uint64_t later;	 /* at most: inboxes of nodes that join */
};

/*
 * dev_shm_read_room - ask for `total` and `available`; the rest is left alone.
 * Objects of the stream of this name, which a dead daemon may have left, are
 * taken for gone; NULL: of none. False if the kernel does not say.
 */
bool dev_shm_read_room(const char *name, struct dev_shm_room *room);

/* dev_shm_judge_room - CHECK_FAIL if what is needed does not fit. */
void dev_shm_judge_room(const struct dev_shm_room *room,
			struct check_result *result);

/* dev_shm_too_small - what it says then, if the kernel has said so itself. */
void dev_shm_too_small(const struct dev_shm_room *room,
		       struct check_result *result);

/* What stands under a name. */
struct dev_shm_object {
	bool there;
	bool ours;	 /* it belongs to our user */
	char pairs[512]; /* for the log: object= kind= owner= mode= */
};

/*
 * dev_shm_describe - look at the name of one of the stream's objects. The pairs
 * of one that is not there end with kind=nothing.
 */
struct dev_shm_object dev_shm_describe(const char *name, const char *suffix);

#endif
