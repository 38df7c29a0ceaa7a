/* SPDX-License-Identifier: MIT */
/* zerocopy_daemon.c - see zerocopy_daemon.h. */
#include <stdio.h>

#include "net/zerocopy.h"
#include "zerocopy_daemon.h"

bool zerocopy_works_here(void)
{
	struct bc_backend *backend;
	char why[256];
	int ret = bc_uring_open(&backend, 8, 0, why, sizeof(why));

	if (ret == 0) {
		ret = bc_zerocopy_check(backend, why, sizeof(why));
		bc_backend_close(backend);
	}
	if (ret < 0)
		(void)fprintf(stderr, "skipped: %s\n", why);
	return ret == 0;
}

struct bcast_peer_info zerocopy_receiver(void)
{
	struct bcast_monitor *monitor;
	struct bcast_peer_info info = {0};
	uint32_t next = 0;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	while (bcast_monitor_peer(monitor, &next, &info) == 1)
		if (info.role == BCAST_ROLE_RECEIVER)
			break;
	bcast_monitor_close(monitor);
	return info;
}
