/* SPDX-License-Identifier: MIT */
/*
 * upgrade_taking.h - what upgrade_take.c has heard, for those that make it ours:
 * upgrade_listeners.c and upgrade_own.c.
 */
#ifndef SRC_UPGRADE_TAKING_H
#define SRC_UPGRADE_TAKING_H

#include "src/upgrade.h"
#include "src/upgrade_state.h"

/* What has been taken, on its way to be ours. */
struct upgrade_taking {
	struct upgrade_stream_wire stream;
	unsigned char *image;
	int *fds; /* those that no connection has yet are not -1 */
	uint32_t fd_count;
	struct upgrade_unpacked *all;
	uint32_t count;
	bool *stays; /* of each entry of the table of peers */
};

/* upgrade_take_listener - one of a WELCOME, with its descriptor. */
void upgrade_take_listener(struct upgrade_listener *taken,
			   const unsigned char *bytes, int fd);

/*
 * upgrade_listener_for - where connections belong that came in at the old one's
 * listener `index`: if there is no such address any more, to one of the same
 * role, or to any.
 */
uint32_t upgrade_listener_for(const struct daemon *daemon, uint32_t index);

/* upgrade_close_unused - the addresses that only the old one wanted. */
void upgrade_close_unused(struct upgrade *upgrade);

/*
 * upgrade_own - GO was said: the segment, its tables and the connections are
 * ours, and go on. Cannot fail.
 */
void upgrade_own(struct daemon *daemon, struct upgrade_taking *taking);

#endif
