/* SPDX-License-Identifier: MIT */
/*
 * publish_direct.h - one client publishes, and its records are received into
 * the ring itself.
 *
 *	      tail                 done           have
 *	-------+--------------------+--------------+-----------------+
 *	 published | good, stamped  | of the next  | the receive     |
 *	-------+--------------------+--------------+-----------------+
 *
 * One receive is in flight at a time, and nothing of ours is touched while it
 * is: it writes behind what has come. When it has ended, whole records are
 * checked where they stand (publish_span.h), and the tail is moved over them.
 * What has come of the next record stays where it is, behind the new tail; so a
 * record larger than a receive is received piece by piece to where it belongs.
 */
#ifndef SRC_PUBLISH_DIRECT_H
#define SRC_PUBLISH_DIRECT_H

#include "src/publisher.h"

/* publish_direct_take - so many bytes more have come: check what is whole. */
void publish_direct_take(struct daemon *daemon, struct publisher *publisher,
			 uint64_t bytes);

/*
 * publish_direct_go_on - take what the rate of records has left behind the
 * tail, as far as it lets us now. Nothing is read until all of it is taken.
 */
void publish_direct_go_on(struct daemon *daemon);

/* publish_direct_publish - move the tail over it. Returns whether it moved. */
bool publish_direct_publish(struct daemon *daemon);

/* publish_direct_arm - post the next receive, if receivers permit it. */
void publish_direct_arm(struct daemon *daemon);

#endif
