/* SPDX-License-Identifier: MIT */
/*
 * shmstat_prometheus.c - the stream as metrics for Prometheus. libbcast makes
 * the text (bcast_monitor_prometheus), the same that bcastd may serve.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "shmstat.h"

/* Receivers may come between two tries: not for ever. */
#define TRIES	   8
#define FIRST_SIZE 65536u

static int64_t fill(const struct bcast_monitor *monitor, uint32_t sections,
		    char **text)
{
	size_t size = FIRST_SIZE;

	for (unsigned i = 0; i < TRIES; i++) {
		int64_t length;

		free(*text);
		*text = malloc(size);
		if (!*text)
			return -ENOMEM;
		length = bcast_monitor_prometheus(monitor, sections, *text,
						  size);
		if (length < (int64_t)size)
			return length;
		size = (size_t)length + (size_t)length / 4;
	}
	return -EAGAIN;
}

int shmstat_prometheus(const char *name,
		       const struct shmstat_sections *sections,
		       struct nodes_problem *problem)
{
	struct bcast_monitor *monitor;
	uint32_t wanted = sections->receivers ? BCAST_METRICS_PEERS : 0;
	char *text = NULL;
	int64_t ret = bcast_monitor_open(name, &monitor);

	if (ret < 0)
		return (int)ret;
	ret = fill(monitor,
		   wanted | (sections->nodes ? BCAST_METRICS_NODES : 0), &text);
	/* half of what was asked for would look like the whole */
	if (ret < 0 && sections->nodes && ret != -ENOMEM) {
		*problem = nodes_problem(name, (int)ret);
		ret = 0;
	} else if (ret >= 0) {
		(void)fputs(text, stdout); /* errors show at its end */
	}
	free(text);
	bcast_monitor_close(monitor);
	return ret < 0 ? (int)ret : 0;
}
