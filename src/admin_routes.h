/* SPDX-License-Identifier: MIT */
/*
 * admin_routes.h - what there is at --admin: a request, and its answer.
 *
 * All of it belongs to the admin thread, once it runs.
 */
#ifndef SRC_ADMIN_ROUTES_H
#define SRC_ADMIN_ROUTES_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

struct admin_site;

struct admin_request {
	const char *path;
	const char *method;
	bool loopback; /* came in where only this machine can */
};

/* admin_routes_open - of this stream. Returns 0, or as bcast_monitor_open(). */
int admin_routes_open(struct admin_site **site, const char *stream);

/* admin_routes_close - free it. NULL is allowed. */
void admin_routes_close(struct admin_site *site);

/*
 * admin_routes_answer - as libmicrohttpd calls for a request: first with its
 * head, then for each piece of a body, which is thrown away, then without one.
 * *context is NULL at first, and has no more to be freed.
 */
enum MHD_Result admin_routes_answer(struct admin_site *site,
				    struct MHD_Connection *connection,
				    const struct admin_request *request,
				    size_t *body_bytes, void **context);

#endif
