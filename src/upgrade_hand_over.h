/* SPDX-License-Identifier: MIT */
/* upgrade_hand_over.h - the old daemon stands still, and gives all away. */
#ifndef SRC_UPGRADE_HAND_OVER_H
#define SRC_UPGRADE_HAND_OVER_H

#include "src/upgrade.h"
#include "src/upgrade_state.h"

/* The loop's, which is above us. */
typedef void upgrade_dispatch(struct daemon *daemon,
			      const struct bc_event *event);

/*
 * upgrade_hand_over - from ASK to GO, within UPGRADE_STILL_NS of stopped_ns.
 * Returns 0: nothing is ours any more; or why not, and everything is, but it
 * stands still. What was packed is to be freed by upgrade_state_fini().
 */
int upgrade_hand_over(struct daemon *daemon, upgrade_dispatch *dispatch,
		      uint64_t stopped_ns, struct upgrade_packed *packed);

#endif
