/* SPDX-License-Identifier: MIT */
/* name_watch.c - see name_watch.h. */
#include "src/dev_shm.h"
#include "src/log.h"
#include "src/name_watch.h"

#define LOOK_NS (UINT64_C(1000) * 1000 * 1000)

void name_watch_tick(struct daemon *daemon)
{
	struct name_watch *watch = &daemon->name_watch;

	if (watch->lost || daemon->home.now_ns < watch->next_ns)
		return;
	watch->next_ns = daemon->home.now_ns + LOOK_NS;
	/* an error, such as no descriptor left, proves nothing */
	if (bc_segment_is_named(&daemon->segment) != 0)
		return;
	watch->lost = true;
	log_event(LOG_LEVEL_ERROR, "segment_unlinked",
		  "name=%s %s error=\"the segment has been removed under us: "
		  "who is attached reads on, but nobody else can attach\" "
		  "cause=\"somebody removed it, or systemd-logind did when "
		  "this user logged out (RemoveIPC)\" fix=\"restart bcastd; "
		  "RemoveIPC=no in logind.conf, or run as a system user\"",
		  daemon->config.name,
		  dev_shm_describe(daemon->config.name, "").pairs);
}
