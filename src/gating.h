/* SPDX-License-Identifier: MIT */
/*
 * gating.h - local readers that the TCP sender waits for (shm/gate.h). While
 * one of them needs the room, the sender is not read, and we look at them again
 * every millisecond. A local publisher sees to its gates itself.
 */
#ifndef SRC_GATING_H
#define SRC_GATING_H

#include "src/daemon.h"

/* gating_start - needs nodes_start(); without a registry there are no gates. */
void gating_start(struct daemon *daemon);
void gating_stop(struct daemon *daemon);

/* gating_floor - the oldest byte that a gating reader needs, or the tail. */
uint64_t gating_floor(struct daemon *daemon);

/* gating_hold - the sender is held up by them: who is dead, who is late? */
void gating_hold(struct daemon *daemon);

/* gating_pass - it is not, or no more. */
void gating_pass(struct daemon *daemon);

/* gating_tick - show what was counted, by local publishers too. */
void gating_tick(struct daemon *daemon);

#endif
