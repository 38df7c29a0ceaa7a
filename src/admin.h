/* SPDX-License-Identifier: MIT */
/*
 * admin.h - --admin: HTTP for people, Prometheus and whoever supervises, on a
 * thread of its own.
 *
 * The thread looks at the stream as any other process would: by a mapping of
 * its own that it can only read (bcast/monitor.h). It shares nothing with the
 * loop, not even the listening sockets' descriptors, and runs at a lower
 * priority; so whatever a client does there, the data goes on.
 */
#ifndef SRC_ADMIN_H
#define SRC_ADMIN_H

#include <pthread.h>
#include <stdbool.h>

#define ADMIN_DOORS_MAX	  64u /* as many as the daemon has listeners */
#define ADMIN_CLIENTS_MAX 64u /* at a time, at one address */

/* An address to serve. */
struct admin_door {
	int fd;	       /* listening; stays the caller's */
	bool loopback; /* by TCP, for this machine only */
};

struct admin;

/*
 * admin_start - serve this stream, which is there already. Returns 0 and
 * *admin, or -errno. `attributes` are for the thread, and may be NULL.
 */
int admin_start(struct admin **admin, const char *stream,
		const struct admin_door *doors, unsigned count,
		const pthread_attr_t *attributes);

/* admin_stop - end connections and thread. Waits for it. NULL is allowed. */
void admin_stop(struct admin *admin);

#endif
