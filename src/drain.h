/* SPDX-License-Identifier: MIT */
/*
 * drain.h - the orderly end: take no more, deliver what there is, go.
 *
 * The first signal closes the listeners and the sender; what had been received
 * is published, and each receiver is closed when it has been sent all of it. A
 * second signal, or --drain-timeout, resets those that are still behind.
 */
#ifndef SRC_DRAIN_H
#define SRC_DRAIN_H

#include "src/daemon.h"

/*
 * drain_step - called every turn with the signal that has come, or 0. Sets
 * phase STOPPED once no connection and no request is left.
 */
void drain_step(struct daemon *daemon, int signal_number);

#endif
