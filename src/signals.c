/* SPDX-License-Identifier: MIT */
/* signals.c - see signals.h. */
#include <stddef.h>

#include "src/signals.h"

static volatile sig_atomic_t last_signal;
static sigset_t wait_mask;

static void on_signal(int number)
{
	last_signal = number;
}

void signals_open(void)
{
	struct sigaction end = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t blocked;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &blocked, &wait_mask);
	(void)sigdelset(&wait_mask, SIGTERM);
	(void)sigdelset(&wait_mask, SIGINT);
	(void)sigaction(SIGTERM, &end, NULL);
	(void)sigaction(SIGINT, &end, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

const sigset_t *signals_wait_mask(void)
{
	return &wait_mask;
}

int signals_take(void)
{
	int number = last_signal;

	last_signal = 0;
	return number;
}
