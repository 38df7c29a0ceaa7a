/* SPDX-License-Identifier: MIT */
/* zerocopy_daemon.h - for tests of a daemon that sends without a copy. */
#ifndef TESTS_ZEROCOPY_DAEMON_H
#define TESTS_ZEROCOPY_DAEMON_H

#include <bcast/monitor.h>

#include "crowd_stage.h"

/* zerocopy_works_here - else says on standard error why not. */
bool zerocopy_works_here(void);

/* zerocopy_receiver - what the daemon shows of its only receiver. */
struct bcast_peer_info zerocopy_receiver(void);

#endif
