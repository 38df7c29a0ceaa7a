/* SPDX-License-Identifier: MIT */
/* signals.c - see signals.h. */
#include <stddef.h>
#include <time.h>

#include "src/signals.h"

static volatile sig_atomic_t last_signal;
static sigset_t wait_mask;
static sigset_t end_signals;

static void on_signal(int number)
{
	last_signal = number;
}

void signals_open(void)
{
	struct sigaction end = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigemptyset(&end_signals);
	(void)sigaddset(&end_signals, SIGTERM);
	(void)sigaddset(&end_signals, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &end_signals, &wait_mask);
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

void signals_poll(void)
{
	const struct timespec at_once = {0};
	int number = sigtimedwait(&end_signals, NULL, &at_once);

	if (number > 0)
		last_signal = number;
}

int signals_take(void)
{
	int number = last_signal;

	last_signal = 0;
	return number;
}
