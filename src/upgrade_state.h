/* SPDX-License-Identifier: MIT */
/*
 * upgrade_state.h - what a connection is, beside its descriptor: into the image
 * of upgrade_wire.h, and out of it again. All lanes stand still.
 */
#ifndef SRC_UPGRADE_STATE_H
#define SRC_UPGRADE_STATE_H

#include "src/daemon.h"
#include "src/upgrade_wire.h"

/* The image, and the descriptors of its connections in their order. */
struct upgrade_packed {
	struct upgrade_image image;
	int *fds; /* they stay ours */
	uint32_t count;
	uint32_t left_behind; /* connections that are not among them */
};

/*
 * upgrade_state_pack - all connections that can be handed over. Returns 0 or
 * -ENOMEM; upgrade_state_fini() is due in either case.
 */
int upgrade_state_pack(const struct daemon *daemon, uint64_t stopped_ns,
		       struct upgrade_packed *packed);

/* upgrade_state_fini - free it. Safe on a zeroed one. */
void upgrade_state_fini(struct upgrade_packed *packed);

/* What comes of a connection in the image, until it is shown. */
struct upgrade_unpacked {
	struct lane *lane;
	struct bc_conn *conn;
	uint32_t shown;		  /* its entry under the old one */
	bool copied;		  /* zero copy is off for it */
	struct bc_peer_shm entry; /* what that said */
};

/*
 * upgrade_state_unpack - a connection of the image comes to life in a lane of
 * ours, with this descriptor, in by `listener` (an index of ours). Memory only:
 * nothing is written to the segment, nor asked of the kernel. Returns 0, or
 * -errno, and the descriptor is the caller's yet; what was done is undone by
 * the end of the process only.
 */
int upgrade_state_unpack(struct daemon *daemon,
			 const struct upgrade_conn_wire *wire,
			 const unsigned char *const parts[UPGRADE_PARTS],
			 int fd, uint32_t listener,
			 struct upgrade_unpacked *unpacked);

#endif
