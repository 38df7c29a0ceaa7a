/* SPDX-License-Identifier: MIT */
/* interrupt.c - see interrupt.h. */
#include "interrupt.h"

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

const volatile sig_atomic_t *interrupt_catch(void)
{
	/* no SA_RESTART: what blocks must return */
	struct sigaction action = {.sa_flags = (int)SA_RESETHAND};

	action.sa_handler = on_signal;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return &caught;
}

int interrupt_end(int code)
{
	if (caught) {
		/* shells look at how a program has ended */
		(void)signal(caught, SIG_DFL);
		(void)raise(caught);
	}
	return code;
}
