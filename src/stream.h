/* SPDX-License-Identifier: MIT */
/*
 * stream.h - the daemon's stream as an object: its name, its segment and its
 * registry, and in plain words why one of them cannot be had.
 */
#ifndef SRC_STREAM_H
#define SRC_STREAM_H

#include "src/daemon.h"

/* stream_size - bytes of /dev/shm that a stream takes when it is made. */
uint64_t stream_size(const struct config *config);

/*
 * stream_take_name - become the one daemon of this name. Returns 0, or an exit
 * code of sysexits.h after logging why.
 */
int stream_take_name(struct daemon *daemon);

/* stream_wanted - the segment that these options ask for. */
struct bc_segment_config stream_wanted(const struct config *config);

/*
 * stream_adopt - go on with the segment of a dead daemon, if there is one and
 * it can be adopted (daemon->adopted). Needs the name. Returns as above.
 */
int stream_adopt(struct daemon *daemon);

/*
 * stream_create - make what was not adopted: the segment, after retiring what
 * a dead daemon left under the name, and the registry. Needs the name. Returns
 * as above. Blocks while memory is allocated.
 */
int stream_create(struct daemon *daemon);

/*
 * stream_remove - announce the end, unlink both objects, let the name go. Safe
 * whatever of it there is.
 */
void stream_remove(struct daemon *daemon);

#endif
