/* SPDX-License-Identifier: MIT */
/*
 * publish_copy.h - clients publish, any number of them, and their records are
 * received into a buffer each, and copied from there into the ring.
 *
 * A turn takes from each what has come, one after the other, whole records
 * only, and moves the tail once for all. Who is first changes from turn to
 * turn. Where receivers are in the way, what has come stays in its buffer, and
 * the connection is not read until that is empty: so the peer is held up by TCP
 * itself.
 *
 * The same way serves a client that publishes alone but is something else, too.
 */
#ifndef SRC_PUBLISH_COPY_H
#define SRC_PUBLISH_COPY_H

#include "src/publisher.h"

/* publish_copy_open - get it its buffer. Returns 0 or -ENOMEM. */
int publish_copy_open(struct daemon *daemon, struct publisher *publisher);

/* publish_copy_take - so many bytes have come into its buffer. */
void publish_copy_take(struct publisher *publisher, size_t bytes);

/* publish_copy_turn - see above. Returns whether the tail was moved. */
bool publish_copy_turn(struct daemon *daemon);

#endif
