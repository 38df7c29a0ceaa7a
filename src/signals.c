/* SPDX-License-Identifier: MIT */
/* signals.c - see signals.h. */
#include <stddef.h>
#include <time.h>

#include "src/signals.h"

static volatile sig_atomic_t last_signal;
static volatile sig_atomic_t hung_up;
static volatile sig_atomic_t succession;
static sigset_t wait_mask;
static sigset_t asking; /* those that are blocked */

static void on_signal(int number)
{
	if (number == SIGHUP)
		hung_up = 1;
	else if (number == SIGUSR2)
		succession = 1;
	else
		last_signal = number;
}

void signals_open(void)
{
	struct sigaction taken = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigemptyset(&asking);
	(void)sigaddset(&asking, SIGTERM);
	(void)sigaddset(&asking, SIGINT);
	(void)sigaddset(&asking, SIGHUP);
	(void)sigaddset(&asking, SIGUSR2);
	(void)sigprocmask(SIG_BLOCK, &asking, &wait_mask);
	(void)sigdelset(&wait_mask, SIGTERM);
	(void)sigdelset(&wait_mask, SIGINT);
	(void)sigdelset(&wait_mask, SIGHUP);
	(void)sigdelset(&wait_mask, SIGUSR2);
	(void)sigaction(SIGTERM, &taken, NULL);
	(void)sigaction(SIGINT, &taken, NULL);
	(void)sigaction(SIGHUP, &taken, NULL);
	(void)sigaction(SIGUSR2, &taken, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	/* nobody waits for a successor that could not take over */
	(void)sigaction(SIGCHLD, &ignore, NULL);
}

const sigset_t *signals_wait_mask(void)
{
	return &wait_mask;
}

void signals_poll(void)
{
	const struct timespec at_once = {0};
	int number;

	/* four kinds, and one of each can be pending */
	for (int i = 0; i < 4; i++) {
		number = sigtimedwait(&asking, NULL, &at_once);
		if (number > 0)
			on_signal(number);
	}
}

int signals_take(void)
{
	int number = last_signal;

	last_signal = 0;
	return number;
}

bool signals_take_hangup(void)
{
	bool taken = hung_up != 0;

	hung_up = 0;
	return taken;
}

bool signals_take_succession(void)
{
	bool taken = succession != 0;

	succession = 0;
	return taken;
}
