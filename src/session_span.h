/* SPDX-License-Identifier: MIT */
/*
 * session_span.h - what a subscriber is sent of the ring: spans that end where
 * a record does, since only there can it be told anything.
 */
#ifndef SRC_SESSION_SPAN_H
#define SRC_SESSION_SPAN_H

#include "src/lane.h"

/*
 * session_span - how many bytes of the ring to send now, up to where a record
 * ends; 0: none.
 */
uint64_t session_span(struct lane *lane, struct bc_conn *conn);

/*
 * session_on_sent - `bytes` of the span have been sent; the cursor has moved.
 */
void session_on_sent(struct lane *lane, struct bc_conn *conn, uint64_t bytes);

#endif
