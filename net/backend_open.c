/* SPDX-License-Identifier: MIT */
/* backend_open.c - see backend_open.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/backend_open.h"

typedef int opener(struct bc_backend **backend, unsigned connections,
		   unsigned flags, char *why, size_t why_size);

static int open_and_try(struct bc_backend **backend, opener *open,
			unsigned connections, char why[BC_BACKEND_WHY_MAX])
{
	struct bc_backend *opened = NULL;
	const char *name, *what = "";
	int ret = open(&opened, connections, 0, why, BC_BACKEND_WHY_MAX);

	if (ret < 0)
		return ret;
	name = opened->ops->name;
	ret = bc_backend_try(opened, &what);
	if (ret == 0) {
		*backend = opened;
		return 0;
	}
	snprintf(why, BC_BACKEND_WHY_MAX,
		 "%s does not work here: the trial of %s failed: %s", name,
		 what, strerror(-ret));
	return ret;
}

int bc_backend_open(struct bc_backend **backend, enum bc_backend_which which,
		    unsigned connections, char why[BC_BACKEND_WHY_MAX])
{
	char epoll_why[BC_BACKEND_WHY_MAX] = "";
	int ret;

	why[0] = '\0';
	if (which == BC_BACKEND_EPOLL)
		return open_and_try(backend, bc_epoll_open, connections, why);
	ret = open_and_try(backend, bc_uring_open, connections, why);
	if (ret == 0 || which == BC_BACKEND_IO_URING || ret == -EMFILE ||
	    ret == -ENFILE)
		return ret;
	ret = open_and_try(backend, bc_epoll_open, connections, epoll_why);
	if (ret < 0)
		snprintf(why, BC_BACKEND_WHY_MAX, "%s", epoll_why);
	return ret;
}

enum bc_backend_which bc_backend_which(const struct bc_backend *backend)
{
	return strcmp(backend->ops->name, "epoll") == 0 ? BC_BACKEND_EPOLL
							: BC_BACKEND_IO_URING;
}
