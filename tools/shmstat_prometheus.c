/* SPDX-License-Identifier: MIT */
/*
 * shmstat_prometheus.c - the stream as metrics for Prometheus. libbcast makes
 * the text (bcast_monitor_prometheus), the same that bcastd may serve.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "shmstat.h"

int shmstat_prometheus(const char *name,
		       const struct shmstat_sections *sections,
		       struct nodes_problem *problem)
{
	struct bcast_monitor *monitor;
	uint32_t wanted = sections->receivers ? BCAST_METRICS_PEERS : 0;
	char *text = NULL;
	int ret = bcast_monitor_open(name, &monitor);

	if (ret < 0)
		return ret;
	wanted |= sections->nodes ? BCAST_METRICS_NODES : 0;
	ret = shmstat_make(bcast_monitor_prometheus, monitor, wanted, &text);
	/* half of what was asked for would look like the whole */
	if (ret < 0 && sections->nodes && ret != -ENOMEM) {
		*problem = nodes_problem(name, ret);
		ret = 0;
	} else if (ret >= 0) {
		(void)fputs(text, stdout); /* errors show at its end */
	}
	free(text);
	bcast_monitor_close(monitor);
	return ret;
}
