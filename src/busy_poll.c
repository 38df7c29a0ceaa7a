/* SPDX-License-Identifier: MIT */
/* busy_poll.c - see busy_poll.h. */
#include <sched.h>

#include "src/busy_poll.h"
#include "src/log.h"

static bool has_one_cpu(void)
{
	cpu_set_t usable;

	return sched_getaffinity(0, sizeof(usable), &usable) == 0 &&
	       CPU_COUNT(&usable) == 1;
}

void busy_poll_check(uint32_t microseconds)
{
	if (microseconds > 0 && has_one_cpu())
		log_event(LOG_LEVEL_WARN, "busy_poll_harmful",
			  "option=--busy-poll error=\"there is one CPU: what "
			  "is waited for cannot run meanwhile\" "
			  "fix=\"drop --busy-poll\"");
}
