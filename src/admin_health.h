/* SPDX-License-Identifier: MIT */
/* admin_health.h - is the daemon well, and may it be sent traffic? */
#ifndef SRC_ADMIN_HEALTH_H
#define SRC_ADMIN_HEALTH_H

#include <stdbool.h>

#include <bcast/monitor.h>

#define ADMIN_HEALTH_MAX 512u

/*
 * admin_health - whether its loop runs, and, for `readiness`, whether it
 * serves. The body says so in JSON, with all reasons why not.
 */
bool admin_health(const struct bcast_stream_info *stream, bool readiness,
		  char body[ADMIN_HEALTH_MAX]);

#endif
