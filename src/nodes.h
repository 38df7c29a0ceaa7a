/* SPDX-License-Identifier: MIT */
/*
 * nodes.h - the daemon's eye on local nodes: who joined, and whose process has
 * died. It clears the slots of the dead and tells the other nodes, within a
 * millisecond; without a daemon the others find out by looking.
 *
 * Nothing of the stream depends on it: a registry that cannot be used is
 * logged once, and the daemon serves on.
 */
#ifndef SRC_NODES_H
#define SRC_NODES_H

#include "src/daemon.h"

/* nodes_start - attach the stream's own registry. Needs stream and backend. */
void nodes_start(struct daemon *daemon);

/* nodes_tick - look for who has come and gone, a bounded number of slots. */
void nodes_tick(struct daemon *daemon);

/* nodes_on_event - the poll of this slot's process has ended. */
void nodes_on_event(struct daemon *daemon, uint32_t slot);

/*
 * nodes_guarded - run `work`, which touches the registry's pages. They may be
 * gone, since any node can cut the object short: then, or if it returns an
 * error, the nodes are watched no more. Returns whether it went well; false
 * also if they were not watched before. `work` takes nothing that would be lost
 * if it were left in the middle.
 */
bool nodes_guarded(struct daemon *daemon,
		   int (*work)(struct daemon *, uint32_t), uint32_t argument);

/* nodes_name - the id of the node in a slot, or "slot-N", to be logged. */
void nodes_name(const struct daemon *daemon, uint32_t slot, char *text,
		size_t size);

/*
 * nodes_drain - watch nobody any more. nodes.armed is 0 once all polls have
 * given their events.
 */
void nodes_drain(struct daemon *daemon);

/* nodes_stop - close all. After the backend, which may have polls in flight. */
void nodes_stop(struct daemon *daemon);

#endif
