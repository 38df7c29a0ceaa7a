/* SPDX-License-Identifier: MIT */
/* send_queue.c - see send_queue.h. */
#include <bcast/monitor.h>

#include "src/send_queue.h"
#include "src/session.h"

/* No request is in flight: put it where it belongs. */
void send_queue_put(struct lane *lane, struct bc_conn *conn)
{
	struct egress *egress = &lane->egress;

	if (conn->session && session_has_words(conn)) {
		bc_conn_list_push(&lane->conns, &egress->ready, conn);
		return;
	}
	if (conn->role != BCAST_ROLE_RECEIVER)
		return; /* a client that has been told all */
	bc_conn_list_push(&lane->conns,
			  conn->cursor == lane->tail ? &egress->caught_up
						     : &egress->ready,
			  conn);
}

void send_queue_remove(struct lane *lane, struct bc_conn *conn)
{
	bc_conn_list_remove(&lane->conns, &lane->egress.ready, conn);
	bc_conn_list_remove(&lane->conns, &lane->egress.caught_up, conn);
	bc_conn_list_remove(&lane->conns, &lane->egress.held, conn);
}

void send_queue_nudge(struct lane *lane, struct bc_conn *conn)
{
	if (conn->state != BC_CONN_OPEN || conn->in_flight & BC_CONN_SENDS)
		return;
	send_queue_remove(lane, conn);
	send_queue_put(lane, conn);
}

void send_queue_postpone(struct lane *lane, struct bc_conn *conn)
{
	struct egress *egress = &lane->egress;

	/* it has words, or has been told that it goes, or is to be told more */
	if (conn->list != 0 || conn->session->state != SESSION_SERVING ||
	    conn->session->skips)
		return;
	bc_conn_list_push(&lane->conns,
			  conn->cursor == lane->tail ? &egress->caught_up
						     : &egress->later,
			  conn);
}

void send_queue_published(struct lane *lane)
{
	struct egress *egress = &lane->egress;
	struct bc_conn *conn;

	while ((conn = bc_conn_list_pop(&lane->conns, &egress->caught_up)))
		bc_conn_list_push(&lane->conns, &egress->ready, conn);
}

void send_queue_hold(struct lane *lane, struct bc_conn *conn)
{
	bc_conn_list_push(&lane->conns, &lane->egress.held, conn);
}

void send_queue_begin_turn(struct lane *lane)
{
	struct egress *egress = &lane->egress;
	struct bc_conn *conn;

	if (!lane_is_due(lane, LANE_HELD))
		return;
	lane_arm(lane, LANE_HELD, TIMERS_NEVER);
	while ((conn = bc_conn_list_pop(&lane->conns, &egress->held)))
		bc_conn_list_push(&lane->conns, &egress->ready, conn);
}

struct bc_conn *send_queue_next(struct lane *lane)
{
	return bc_conn_list_pop(&lane->conns, &lane->egress.ready);
}

void send_queue_end_turn(struct lane *lane)
{
	struct egress *egress = &lane->egress;
	struct bc_conn *conn;

	while ((conn = bc_conn_list_pop(&lane->conns, &egress->later)))
		bc_conn_list_push(&lane->conns, &egress->ready, conn);
}

bool send_queue_has_ready(const struct lane *lane)
{
	return lane->egress.ready.head != BC_CONN_NONE ||
	       lane_is_due(lane, LANE_HELD);
}

bool send_queue_has_caught_up(const struct lane *lane)
{
	return lane->egress.caught_up.head != BC_CONN_NONE;
}
