/* SPDX-License-Identifier: MIT */
/*
 * takeover.h - what a dead daemon of our name has left: go on with it, or end
 * it. Both under the name lock, both said in the log. Used by stream.c only.
 */
#ifndef SRC_TAKEOVER_H
#define SRC_TAKEOVER_H

#include "src/daemon.h"

/*
 * takeover_name - bc_name_lock_take(), with up to half a second of patience
 * for a last holder that has been killed and is not quite gone.
 */
int takeover_name(struct bc_name_lock *lock, const char *name);

/*
 * takeover_adopt - make the dead daemon's segment ours, if there is one that
 * can be adopted: daemon->segment is then open and daemon->adopted true. If
 * not, daemon->not_adopted says why (NULL: there is none). Returns 0, or an
 * error of bc_segment_adopt(): then nobody may create another either. Waits for
 * up to 2 s where the kernel is still taking the dead process apart.
 */
int takeover_adopt(struct daemon *daemon,
		   const struct bc_segment_config *wanted);

/*
 * takeover_retire - end what was not adopted: its readers learn that it is
 * closed, and the name is free. Returns >= 0, or an error of
 * bc_segment_retire().
 */
int takeover_retire(struct daemon *daemon);

#endif
