/* SPDX-License-Identifier: MIT */
/* crowd_stage.c - see crowd_stage.h. */
#include "crowd_stage.h"

struct daemon_fixture daemon_;
struct crowd crowd;

int crowd_stage_open(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	crowd_open(&crowd, &daemon_);
	return 0;
}

int crowd_stage_close(void **state)
{
	crowd_close(&crowd);
	return daemon_fixture_cleanup(state);
}
