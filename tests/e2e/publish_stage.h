/* SPDX-License-Identifier: MIT */
/*
 * publish_stage.h - a daemon with all doors, one client that publishes, and the
 * witnesses of it: what the tests about one publisher share.
 */
#ifndef TESTS_PUBLISH_STAGE_H
#define TESTS_PUBLISH_STAGE_H

#include "tcp_publisher.h"

extern struct daemon_fixture daemon_;
extern struct tcp_publisher publisher;
extern struct witness witness;

/* publish_stage_begin - both, where daemon_ runs. */
void publish_stage_begin(uint64_t id);

/* publish_stage_end - both leave, and the daemon ends well. */
void publish_stage_end(void);

/* publish_stage_open, _close - cmocka's setup and teardown. */
int publish_stage_open(void **state);
int publish_stage_close(void **state);

#endif
