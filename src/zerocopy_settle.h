/* SPDX-License-Identifier: MIT */
/*
 * zerocopy_settle.h - the two events of a send without a copy: what it took,
 * and that its bytes are free.
 */
#ifndef SRC_ZEROCOPY_SETTLE_H
#define SRC_ZEROCOPY_SETTLE_H

#include "net/backend.h"
#include "src/lane.h"

/*
 * zerocopy_settle_on_result - the first event of a send. Returns the result
 * that a plain send would have given: -EAGAIN if only zero copy was refused.
 */
int zerocopy_settle_on_result(struct lane *lane, struct bc_conn *conn,
			      uint32_t number, const struct bc_event *event);

/* zerocopy_settle_on_notified - the second: the bytes are free. */
void zerocopy_settle_on_notified(struct lane *lane, struct bc_conn *conn,
				 uint32_t number, const struct bc_event *event);

#endif
