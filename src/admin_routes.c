/* SPDX-License-Identifier: MIT */
/*
 * admin_routes.c - see admin_routes.h.
 *
 * Nothing can be changed from here, so there are no methods but GET and HEAD.
 * A page of somebody else's, in a browser on this machine, may have its name
 * resolved to 127.0.0.1 and then read what is for this machine only; there the
 * host asked for has to be an address or localhost, which no such page can be.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/json_text.h"
#include "src/admin_health.h"
#include "src/admin_page.h"
#include "src/admin_reply.h"
#include "src/admin_routes.h"
#include "src/admin_text.h"

#define BODY_MAX  ((size_t)64 << 10) /* thrown away; with more we hang up */
#define HOST_MAX  64u		     /* longer than any address */
#define ERROR_MAX 1024u

enum text {
	METRICS,
	STATS,
	RECEIVERS,
	TEXTS
};

struct admin_site {
	struct bcast_monitor *monitor;
	struct admin_text texts[TEXTS];
	struct MHD_Response *page;
};

struct route {
	const char *path;
	enum MHD_Result (*answer)(struct admin_site *site,
				  struct MHD_Connection *connection,
				  const struct route *route);
	enum text text;
};

/* ---- Errors ------------------------------------------------------------ */

static void list_paths(struct bc_json_text *json);

/* {"error":WHAT,"paths":[...]} */
static enum MHD_Result refuse(struct MHD_Connection *connection,
			      unsigned status, const char *what)
{
	char buffer[ERROR_MAX];
	struct bc_json_text json = {
		.out = {.buffer = buffer, .size = sizeof(buffer)}};
	struct MHD_Response *response;

	bc_json_begin(&json, NULL, '{');
	bc_json_TEXT(&json, "error", what);
	bc_json_begin(&json, "paths", '[');
	list_paths(&json);
	bc_json_end(&json, ']');
	bc_json_end(&json, '}');
	(void)bc_json_finish(&json);
	response = admin_reply_json(buffer);
	if (response && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
					      "GET, HEAD");
	return admin_reply_once(connection, status, response);
}

/* ---- Paths ------------------------------------------------------------- */

static enum MHD_Result answer_page(struct admin_site *site,
				   struct MHD_Connection *connection,
				   const struct route *route)
{
	(void)route;
	return MHD_queue_response(connection, MHD_HTTP_OK, site->page);
}

static enum MHD_Result answer_text(struct admin_site *site,
				   struct MHD_Connection *connection,
				   const struct route *route)
{
	struct MHD_Response *response;
	int ret = admin_text_get(&site->texts[route->text], site->monitor,
				 bc_monotonic_ns(), &response);

	if (ret < 0)
		return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
			      bcast_strerror(ret));
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static enum MHD_Result answer_health(const struct admin_site *site,
				     struct MHD_Connection *connection,
				     bool readiness)
{
	char body[ADMIN_HEALTH_MAX];
	struct bcast_stream_info stream;
	bool good;

	(void)bcast_monitor_stream(site->monitor, &stream);
	good = admin_health(&stream, readiness, body);
	return admin_reply_once(
		connection, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
		admin_reply_json(body));
}

static enum MHD_Result answer_healthz(struct admin_site *site,
				      struct MHD_Connection *connection,
				      const struct route *route)
{
	(void)route;
	return answer_health(site, connection, false);
}

static enum MHD_Result answer_readyz(struct admin_site *site,
				     struct MHD_Connection *connection,
				     const struct route *route)
{
	(void)route;
	return answer_health(site, connection, true);
}

static const struct route routes[] = {
	{"/", answer_page, TEXTS},
	{"/metrics", answer_text, METRICS},
	{"/healthz", answer_healthz, TEXTS},
	{"/readyz", answer_readyz, TEXTS},
	{"/stats.json", answer_text, STATS},
	{"/receivers.json", answer_text, RECEIVERS},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

static void list_paths(struct bc_json_text *json)
{
	for (size_t i = 0; i < ROUTES; i++)
		bc_json_TEXT(json, NULL, routes[i].path);
}

/* ---- Requests ---------------------------------------------------------- */

/* "127.0.0.1", "127.0.0.1:9464", "[::1]:9464", "localhost:9464" */
static bool is_own_name(const char *host)
{
	char name[HOST_MAX];
	struct in_addr address;
	size_t length = strcspn(host, ":");

	if (host[0] == '[')
		return true;
	if (length >= sizeof(name))
		return false;
	memcpy(name, host, length);
	name[length] = '\0';
	return strcasecmp(name, "localhost") == 0 ||
	       inet_pton(AF_INET, name, &address) == 1;
}

static bool is_rebound(struct MHD_Connection *connection,
		       const struct admin_request *request)
{
	const char *host = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

	return request->loopback && host && !is_own_name(host);
}

static enum MHD_Result answer(struct admin_site *site,
			      struct MHD_Connection *connection,
			      const struct admin_request *request)
{
	if (strcmp(request->method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(request->method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			      "only GET and HEAD: nothing can be changed here");
	if (*request->thrown_away > 0)
		return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE,
			      "a body is not taken");
	if (is_rebound(connection, request))
		return refuse(connection, MHD_HTTP_FORBIDDEN,
			      "this is for this machine only: ask for it by "
			      "its address, or as localhost");
	for (size_t i = 0; i < ROUTES; i++)
		if (strcmp(request->path, routes[i].path) == 0)
			return routes[i].answer(site, connection, &routes[i]);
	return refuse(connection, MHD_HTTP_NOT_FOUND, "there is no such path");
}

enum MHD_Result admin_routes_answer(struct admin_site *site,
				    struct MHD_Connection *connection,
				    const struct admin_request *request,
				    size_t *body_bytes)
{
	if (*body_bytes == 0)
		return answer(site, connection, request);
	if (*body_bytes > BODY_MAX - *request->thrown_away)
		return MHD_NO;
	*request->thrown_away += *body_bytes;
	*body_bytes = 0;
	return MHD_YES;
}

/* ---- The site ---------------------------------------------------------- */

int admin_routes_open(struct admin_site **site, const char *stream)
{
	struct admin_site *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return -ENOMEM;
	ret = bcast_monitor_open(stream, &made->monitor);
	if (ret == 0) {
		made->page = admin_reply_page();
		ret = made->page ? 0 : -ENOMEM;
	}
	if (ret < 0) {
		admin_routes_close(made);
		return ret;
	}
	made->texts[METRICS].make = bcast_monitor_prometheus;
	made->texts[METRICS].type = "text/plain; version=0.0.4; charset=utf-8";
	made->texts[STATS].make = bcast_monitor_json;
	made->texts[STATS].sections =
		BCAST_JSON_ERRORS | BCAST_JSON_COUNTERS | BCAST_JSON_NODES;
	made->texts[RECEIVERS].make = bcast_monitor_json;
	made->texts[RECEIVERS].sections =
		BCAST_JSON_RECEIVERS | BCAST_JSON_CLOSED;
	for (unsigned i = STATS; i < TEXTS; i++)
		made->texts[i].type = ADMIN_REPLY_JSON;
	*site = made;
	return 0;
}

void admin_routes_close(struct admin_site *site)
{
	if (!site)
		return;
	for (unsigned i = 0; i < TEXTS; i++)
		admin_text_drop(&site->texts[i]);
	if (site->page)
		MHD_destroy_response(site->page);
	bcast_monitor_close(site->monitor);
	free(site);
}
