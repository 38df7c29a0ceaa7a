/* SPDX-License-Identifier: MIT */
/* client_prometheus_nodes.h - the local nodes as metrics. */
#ifndef BC_CLIENT_PROMETHEUS_NODES_H
#define BC_CLIENT_PROMETHEUS_NODES_H

#include "shm/metric_text.h"

/*
 * bc_prometheus_nodes - add those of a stream. Returns 0, or as
 * bcast_nodes_open(), with nothing added.
 */
int bc_prometheus_nodes(struct bc_metric_text *text, const char *stream);

#endif
