/* SPDX-License-Identifier: MIT */
/* processor.c - see processor.h. */
#include "processor.h"

#include <errno.h>

/* The n-th processor that this process was started with. */
static int nth(unsigned n)
{
	static cpu_set_t allowed;
	static bool known;

	/* Once: whoever is pinned later sees only his own. */
	if (!known && sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 0;
	known = true;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &allowed) && n-- == 0)
			return i;
	}
	return -1;
}

unsigned processor_count(void)
{
	unsigned count = 0;

	while (nth(count) >= 0)
		count++;
	return count;
}

int processor_of(unsigned member)
{
	const unsigned count = processor_count();

	if (member == 0 || count < 2)
		return nth(0);
	return nth(1 + (member - 1) % (count - 1));
}

int processor_pin(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

int processor_real_time(enum processor_rank rank)
{
	const struct sched_param parameter = {.sched_priority = (int)rank};

	return sched_setscheduler(0, SCHED_FIFO, &parameter) < 0 ? -errno : 0;
}
