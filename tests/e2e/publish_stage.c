/* SPDX-License-Identifier: MIT */
/* publish_stage.c - see publish_stage.h. */
#include "publish_stage.h"

struct daemon_fixture daemon_;
struct tcp_publisher publisher;
struct witness witness;

void publish_stage_begin(uint64_t id)
{
	witness_open(&witness, &daemon_);
	tcp_publisher_open(&publisher, &daemon_, id);
}

static void leave(void)
{
	witness_close(&witness);
	tcp_publisher_close(&publisher);
}

void publish_stage_end(void)
{
	leave();
	daemon_fixture_stop(&daemon_);
}

int publish_stage_open(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	publisher = (struct tcp_publisher){0};
	witness = (struct witness){0};
	return 0;
}

int publish_stage_close(void **state)
{
	leave();
	return daemon_fixture_cleanup(state);
}
