/* SPDX-License-Identifier: MIT */
/*
 * start_place.h - where a subscriber begins: hello.from made into a place of
 * the ring that is the beginning of a record, and that stays.
 *
 * Whoever may overwrite the place is held off before it is looked at
 * (local_protect()); if it is found intact then, it is for as long as the
 * caller takes, in the same turn of the loop, to make the subscriber a receiver
 * whose cursor keeps it. What is gone already is answered by the oldest place
 * there is, an eighth of the ring further on, so that the sender need not stop
 * at once for whoever begins there.
 */
#ifndef SRC_START_PLACE_H
#define SRC_START_PLACE_H

#include "shm/record.h"
#include "src/daemon.h"

struct start_place {
	struct bc_record_place at; /* its sequence is known */
	uint32_t flags;		   /* welcome.flags */
	bool has_gap;		   /* what was asked for is gone, so: */
	struct bcast_gap gap;
};

/*
 * start_place_choose - where `wish` leads. Returns 0, or the code to reject it
 * with (POSITION; BUSY: to be tried again), *why being a static text.
 */
int start_place_choose(struct daemon *daemon, const struct bcast_hello *wish,
		       struct start_place *start, const char **why);

#endif
