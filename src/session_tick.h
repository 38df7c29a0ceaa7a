/* SPDX-License-Identifier: MIT */
/* session_tick.h - what becomes of clients as time goes by. */
#ifndef SRC_SESSION_TICK_H
#define SRC_SESSION_TICK_H

#include "src/lane.h"

/* session_tick - ten times a second: heartbeats, and who has gone silent. */
void session_tick(struct lane *lane);

#endif
