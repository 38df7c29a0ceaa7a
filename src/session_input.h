/* SPDX-License-Identifier: MIT */
/*
 * session_input.h - what a client says after its HELLO. It comes in pieces of
 * the backend's, and each record is dealt with where it lies.
 */
#ifndef SRC_SESSION_INPUT_H
#define SRC_SESSION_INPUT_H

#include "net/packet_stream.h"
#include "src/lane.h"

/* session_serve - it is welcome: take what it says from now on. */
void session_serve(struct lane *lane, struct bc_conn *conn);

/* session_on_bytes - it has said something, or ended. */
void session_on_bytes(struct lane *lane, struct bc_conn *conn,
		      const struct bc_event *event);

/* session_take - it has said this, which is not of the stream. */
void session_take(struct lane *lane, struct bc_conn *conn,
		  const struct bc_packet_frame *frame);

/* session_explain - reject it for what bc_packet_stream_next() has returned. */
void session_explain(struct lane *lane, struct bc_conn *conn, int error);

#endif
