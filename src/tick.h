/* SPDX-License-Identifier: MIT */
/* tick.h - what is done ten times a second, whatever else happens. */
#ifndef SRC_TICK_H
#define SRC_TICK_H

#include "src/daemon.h"

/*
 * tick - a sign of life for readers, gauges, listeners whose accept has ended,
 * a bounded number of half-closed receivers to ask after, local nodes that
 * came or went, a look at the segment's name, and one for signals.
 */
void tick(struct daemon *daemon);

#endif
