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
	bool loopback;	     /* came in where only this machine can */
	size_t *thrown_away; /* bytes of its body so far */
};

/* admin_routes_open - of this stream. Returns 0, or as bcast_monitor_open(). */
int admin_routes_open(struct admin_site **site, const char *stream);

/* admin_routes_close - free it. NULL is allowed. */
void admin_routes_close(struct admin_site *site);

/*
 * admin_routes_answer - for each piece of a request's body, which is thrown
 * away, and then with *body_bytes 0, for the answer.
 */
enum MHD_Result admin_routes_answer(struct admin_site *site,
				    struct MHD_Connection *connection,
				    const struct admin_request *request,
				    size_t *body_bytes);

#endif
