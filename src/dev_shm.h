/* SPDX-License-Identifier: MIT */
/*
 * dev_shm.h - the place where segments live: is it fit for them, is there room,
 * and what has somebody put there under our names?
 */
#ifndef SRC_DEV_SHM_H
#define SRC_DEV_SHM_H

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

/* A text of key=value pairs for the log. */
struct dev_shm_text {
	char pairs[512];
};

/*
 * dev_shm_describe - what stands there under the name of one of the stream's
 * objects: object=, kind=, owner=, mode=. "kind=nothing" if nothing does.
 */
struct dev_shm_text dev_shm_describe(const char *name, const char *suffix);

#endif
