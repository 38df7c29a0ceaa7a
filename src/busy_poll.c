/* SPDX-License-Identifier: MIT */
/* busy_poll.c - see busy_poll.h. */
#include "src/busy_poll.h"
#include "src/check_system.h"
#include "src/log.h"

void busy_poll_check(const struct config *config)
{
	struct check_result result = {0};
	struct check_processors_facts facts;

	if (!check_processors_read(config, &facts))
		return;
	check_processors_judge(&facts, &result);
	if (result.state == CHECK_WARN)
		log_event(LOG_LEVEL_WARN, "busy_poll_harmful",
			  "option=--busy-poll error=\"%s\" fix=\"%s\"",
			  result.means, result.fix);
}
