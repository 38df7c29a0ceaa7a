/* SPDX-License-Identifier: MIT */
/*
 * dev_shm.h - the place where segments live: is it fit for them, is there room,
 * and what has somebody put there under our names?
 */
#ifndef SRC_DEV_SHM_H
#define SRC_DEV_SHM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * dev_shm_check - log a warning, with the remedy, if /dev/shm is not memory, or
 * is open to all without the sticky bit, so that anybody could remove what
 * others have there.
 */
void dev_shm_check(void);

/*
 * dev_shm_missing - bytes that `needed` is more than what there is room for,
 * if this stream's objects, which a dead daemon may have left, were gone; 0: it
 * fits, or the size is not limited.
 */
uint64_t dev_shm_missing(const char *name, uint64_t needed);

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
