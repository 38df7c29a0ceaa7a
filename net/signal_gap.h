/* SPDX-License-Identifier: MIT */
/*
 * signal_gap.h - a moment for signals, though there is always something to do.
 *
 * A wait with a signal mask lets signals in only while it sleeps: the kernel
 * puts the old mask back before it looks for them if there were events. A
 * daemon whose wait never sleeps would so never hear of SIGTERM.
 */
#ifndef NET_SIGNAL_GAP_H
#define NET_SIGNAL_GAP_H

#include <signal.h>

#define BC_SIGNAL_GAP_WAITS 16u

/*
 * bc_signal_gap - after a wait that had events; *waits counts them. Each 16th
 * lets in what `mask` lets in.
 */
static inline void bc_signal_gap(unsigned *waits, const sigset_t *mask)
{
	sigset_t before;

	if (++*waits < BC_SIGNAL_GAP_WAITS)
		return;
	*waits = 0;
	(void)pthread_sigmask(SIG_SETMASK, mask, &before);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#endif
