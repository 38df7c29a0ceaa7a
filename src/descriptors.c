/* SPDX-License-Identifier: MIT */
/* descriptors.c - see descriptors.h. */
#include <inttypes.h>
#include <sys/resource.h>

#include "src/admin.h"
#include "src/daemon.h"
#include "src/descriptors.h"
#include "src/log.h"

#define DESCRIPTORS_SPARE      64u
#define DESCRIPTORS_PER_THREAD 4u /* backend, its watch, peer sockets */
#define DESCRIPTORS_PER_NODE   2u /* a node's pidfd; a remote one's own two */

uint64_t descriptors_needed(const struct config *config)
{
	return (uint64_t)config->max_receivers + DAEMON_SENDERS_MAX +
	       (uint64_t)config->nodes * DESCRIPTORS_PER_NODE +
	       DESCRIPTORS_SPARE + config_echo_clients(config) +
	       (uint64_t)config_role_count(config, CONFIG_ROLE_ADMIN) *
		       ADMIN_CLIENTS_MAX +
	       (uint64_t)config->egress_threads * DESCRIPTORS_PER_THREAD;
}

bool descriptors_read(const struct config *config,
		      struct descriptors *descriptors)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	*descriptors = (struct descriptors){
		.soft = limit.rlim_cur,
		.hard = limit.rlim_max,
		.needed = descriptors_needed(config),
	};
	return true;
}

void descriptors_judge(const struct descriptors *descriptors,
		       struct check_result *result)
{
	check_found(result,
		    "%" PRIu64 ", and up to %" PRIu64 "; %" PRIu64 " needed",
		    descriptors->soft, descriptors->hard, descriptors->needed);
	if (descriptors->hard >= descriptors->needed) {
		check_is(result, CHECK_OK, "");
		return;
	}
	check_is(result, CHECK_WARN,
		 "the last receivers, nodes or echo clients to come will not "
		 "be accepted: raise the limit (LimitNOFILE= of a unit), or "
		 "lower --max-receivers, --nodes or --echo-max-clients");
	check_fix(result, "ulimit -n %" PRIu64, descriptors->needed);
}

void descriptors_raise(const struct config *config)
{
	struct check_result result = {0};
	struct descriptors descriptors;
	struct rlimit limit;

	if (!descriptors_read(config, &descriptors))
		return;
	limit.rlim_cur = descriptors.hard;
	limit.rlim_max = descriptors.hard;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	descriptors_judge(&descriptors, &result);
	if (result.state == CHECK_WARN)
		log_event(LOG_LEVEL_WARN, "few_descriptors",
			  "limit=%" PRIu64 " needed=%" PRIu64
			  " error=\"%s\" fix=\"%s\"",
			  descriptors.hard, descriptors.needed, result.means,
			  result.fix);
}
