/* SPDX-License-Identifier: MIT */
/* check_stage.c - see check_stage.h. */
#include <string.h>

#include "check_stage.h"

struct check_result result;

static void forget(void)
{
	result = (struct check_result){.state = CHECK_UNKNOWN};
}

int check_stage_open(void **state)
{
	(void)state;
	root_make();
	forget();
	return 0;
}

int check_stage_close(void **state)
{
	(void)state;
	root_remove();
	return 0;
}

void check_stage_is(enum check_state state, const char *fix)
{
	if (result.state != state || !strstr(result.fix, fix))
		fail_msg("%s: %s; %s; %s", check_state_name(result.state),
			 result.found, result.means, result.fix);
	assert_true(result.found[0] != '\0');
	assert_true(state == CHECK_OK || state == CHECK_UNKNOWN ||
		    result.means[0] != '\0');
	forget();
}
