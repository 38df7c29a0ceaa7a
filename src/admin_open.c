/* SPDX-License-Identifier: MIT */
/* admin_open.c - see admin_open.h. */
#include <errno.h>
#include <sysexits.h>

#include "src/admin.h"
#include "src/admin_open.h"
#include "src/lanes.h"
#include "src/listening.h"
#include "src/log.h"

static void warn_of_exposure(const struct listener *listener)
{
	if (bc_sockaddr_is_unix(&listener->bound) ||
	    listening_is_loopback(&listener->bound.storage))
		return;
	log_event(LOG_LEVEL_WARN, "admin_exposed",
		  "addr=%s reason=\"neither encrypted nor authenticated: who "
		  "can connect sees all\" fix=\"--admin PORT, for this machine "
		  "only, or a proxy or firewall before it\"",
		  listener->address);
}

static int explain(int error)
{
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "option=--admin error=\"%s\" "
		  "fix=\"start without it, or free memory and descriptors\"",
		  bcast_strerror(error));
	return EX_OSERR;
}

int admin_open(struct daemon *daemon)
{
	struct admin_door doors[ADMIN_DOORS_MAX];
	pthread_attr_t attributes;
	unsigned count = 0;
	int ret;

	for (uint32_t i = 0; i < daemon->listener_count; i++) {
		const struct listener *listener = &daemon->listeners[i];

		if (listener->role != CONFIG_ROLE_ADMIN ||
		    count == ADMIN_DOORS_MAX)
			continue;
		warn_of_exposure(listener);
		doors[count++] = (struct admin_door){
			.fd = listener->fd,
			.loopback =
				listening_is_loopback(&listener->bound.storage),
		};
	}
	if (count == 0)
		return 0;
	if (pthread_attr_init(&attributes) != 0)
		return explain(-ENOMEM);
	lanes_choose_cpus(daemon, &attributes);
	ret = admin_start(&daemon->admin, daemon->config.name, doors, count,
			  &attributes);
	(void)pthread_attr_destroy(&attributes);
	return ret < 0 ? explain(ret) : 0;
}

void admin_close(struct daemon *daemon)
{
	admin_stop(daemon->admin);
	daemon->admin = NULL;
}
