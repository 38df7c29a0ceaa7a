/* SPDX-License-Identifier: MIT */
/* zerocopy_settle.c - see zerocopy_settle.h. */
#include <errno.h>

#include <bcast/monitor.h>

#include "src/egress.h"
#include "src/log.h"
#include "src/progress.h"
#include "src/zerocopy.h"
#include "src/zerocopy_settle.h"

/*
 * So many sends are copied before the next try, when no memory may be locked.
 */
#define COPIES_AFTER_REFUSAL 64u

/* Returns whether the send had taken bytes. */
static bool settle(struct lane *lane, struct bc_conn *conn, uint32_t number)
{
	bool taken = bc_owed_settle(&conn->owed, number);

	lane->zerocopy.owed--;
	conn->settled_ns = lane->now_ns;
	if (taken && conn->role == BCAST_ROLE_RECEIVER)
		progress_made(lane, conn);
	if (conn->owed.count == 0)
		egress_on_settled(lane, conn);
	return taken;
}

int zerocopy_settle_on_result(struct lane *lane, struct bc_conn *conn,
			      uint32_t number, const struct bc_event *event)
{
	int result = event->result;

	if (result <= 0)
		bc_owed_note_empty(&conn->owed, number);
	if ((event->flags & BC_EVENT_MORE) == 0)
		(void)settle(lane, conn, number);
	if (result == -ENOMEM) {
		conn->copies = COPIES_AFTER_REFUSAL;
		bc_tally_add(&lane->tally, BC_COUNTER_zerocopy_refused, 1);
		return -EAGAIN;
	}
	if (result == -EOPNOTSUPP) {
		conn->zerocopy = BC_CONN_ZEROCOPY_NO;
		zerocopy_show(conn);
		return -EAGAIN;
	}
	return result;
}

static void on_copied(struct lane *lane, struct bc_conn *conn)
{
	bc_tally_add(&lane->tally, BC_COUNTER_zerocopy_copied, 1);
	if (lane->config->zerocopy == CONFIG_ZEROCOPY_ON ||
	    conn->zerocopy != BC_CONN_ZEROCOPY_YES ||
	    conn->state != BC_CONN_OPEN)
		return;
	conn->zerocopy = BC_CONN_ZEROCOPY_COPIED;
	zerocopy_show(conn);
	log_event(LOG_LEVEL_INFO, "zerocopy_off",
		  "peer=%s reason=\"the kernel copies all the same\"",
		  conn->peer);
}

void zerocopy_settle_on_notified(struct lane *lane, struct bc_conn *conn,
				 uint32_t number, const struct bc_event *event)
{
	bool taken = settle(lane, conn, number);

	if (taken && (event->flags & BC_EVENT_COPIED) != 0)
		on_copied(lane, conn);
}
