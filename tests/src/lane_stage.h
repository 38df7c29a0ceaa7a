/* SPDX-License-Identifier: MIT */
/*
 * lane_stage.h - a lane without a backend and without sockets, whose clock is
 * the test's: what becomes of its connections as time goes by.
 */
#ifndef TESTS_LANE_STAGE_H
#define TESTS_LANE_STAGE_H

#include "stream.h"

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "src/lane.h"
#include "src/session.h"

#define MS ((uint64_t)BC_NS_PER_MS)

#define STAGE_SLOTS	   400u
#define STAGE_BEGIN	   (UINT64_C(1000) * 1000 * MS)
#define STAGE_HELLO_MS	   5000u
#define STAGE_IDLE_MS	   10000u
#define STAGE_HEARTBEAT_MS 1000u

extern struct lane lane_;
extern struct config config_;
extern struct test_stream stream_;

/* lane_stage_open, _close - setup and teardown of a test. */
int lane_stage_open(void **state);
int lane_stage_close(void **state);

/* lane_stage_at - the clock, in ns since the stage was opened. */
void lane_stage_at(uint64_t since_ns);

/* lane_stage_receiver - a connection that receives, at the tail. */
struct bc_conn *lane_stage_receiver(void);

/* lane_stage_client - a client, just come, in this state of its session. */
struct bc_conn *lane_stage_client(enum session_state state);

/*
 * lane_stage_hear - it is sent what it is to be told, now. Returns the type of
 * the first record of that; 0: nothing.
 */
uint16_t lane_stage_hear(struct bc_conn *conn);

#endif
