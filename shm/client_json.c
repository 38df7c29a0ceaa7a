/* SPDX-License-Identifier: MIT */
/*
 * client_json.c - monitor.h as JSON: the stream, and the lists asked for.
 *
 * Here in the library for the reason that client_prometheus.c is: the tool and
 * the daemon show the same. The keys are the rows of bcast/fields.def.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include <bcast/monitor.h>

#include "shm/errors.h"
#include "shm/json_text.h"

/* A user's entry of the system's data base; what is longer has no name here. */
#define USER_ENTRY_MAX 1024

/* ---- What two rows call ------------------------------------------------ */

struct rights_name {
	char text[64];
};

static struct rights_name rights_user(uid_t user)
{
	char room[USER_ENTRY_MAX];
	struct rights_name name;
	struct passwd entry, *found = NULL;

	if (getpwuid_r(user, &entry, room, sizeof(room), &found) == 0 && found)
		snprintf(name.text, sizeof(name.text), "%s", found->pw_name);
	else
		snprintf(name.text, sizeof(name.text), "%" PRIu32,
			 (uint32_t)user);
	return name;
}

static struct rights_name rights_mode(uint32_t mode)
{
	struct rights_name name;

	snprintf(name.text, sizeof(name.text), "%04o", mode & 07777);
	return name;
}

/* ---- One section by its rows ------------------------------------------- */

#define ROW(key, type, value) bc_json_##type(json, #key, value);

static void add_stream(struct bc_json_text *json,
		       const struct bcast_stream_info *s)
{
#define STREAM_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_writer(struct bc_json_text *json,
		       const struct bcast_writer_info *w)
{
#define WRITER_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_summary(struct bc_json_text *json,
			const struct bcast_summary_info *t)
{
#define SUMMARY_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_peer(struct bc_json_text *json, const struct bcast_peer_info *p)
{
#define PEER_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_closed(struct bc_json_text *json,
		       const struct bcast_closed_info *c)
{
#define CLOSED_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_counter(struct bc_json_text *json,
			const struct bcast_counter_info *n)
{
#define COUNTER_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_error(struct bc_json_text *json,
		      const struct bcast_error_info *e)
{
#define ERROR_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_node(struct bc_json_text *json, const struct bcast_node_info *n)
{
#define NODE_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

/* ---- Lists ------------------------------------------------------------- */

static void facts(struct bc_json_text *json,
		  const struct bcast_monitor *monitor)
{
	struct bcast_fact fact;
	uint32_t next = 0;

	bc_json_begin(json, "facts", '{');
	while (bcast_monitor_fact(monitor, &next, &fact) == 1)
		bc_json_TEXT(json, fact.key, fact.value);
	bc_json_end(json, '}');
}

static bool is_sender(const struct bcast_peer_info *peer)
{
	return peer->role == BCAST_ROLE_SENDER ||
	       peer->role == BCAST_ROLE_WAITING;
}

static void peers(struct bc_json_text *json,
		  const struct bcast_monitor *monitor, const char *key,
		  bool senders)
{
	struct bcast_peer_info peer;
	uint32_t next = 0;

	bc_json_begin(json, key, '[');
	while (bcast_monitor_peer(monitor, &next, &peer) == 1) {
		if (is_sender(&peer) != senders)
			continue;
		bc_json_begin(json, NULL, '{');
		add_peer(json, &peer);
		bc_json_end(json, '}');
	}
	bc_json_end(json, ']');
}

static void closed(struct bc_json_text *json,
		   const struct bcast_monitor *monitor)
{
	struct bcast_closed_info info;
	uint32_t next = 0;

	bc_json_begin(json, "closed", '[');
	while (bcast_monitor_closed(monitor, &next, &info) == 1) {
		bc_json_begin(json, NULL, '{');
		add_closed(json, &info);
		bc_json_end(json, '}');
	}
	bc_json_end(json, ']');
}

static int newest_first(const void *a, const void *b)
{
	const struct bcast_error_info *one = a, *other = b;

	return (one->last_realtime_ns < other->last_realtime_ns) -
	       (one->last_realtime_ns > other->last_realtime_ns);
}

static int errors(struct bc_json_text *json,
		  const struct bcast_monitor *monitor)
{
	struct bcast_error_info *all = calloc(BC_ERROR_SLOTS, sizeof(*all));
	uint32_t next = 0;
	size_t count = 0;

	if (!all)
		return -ENOMEM;
	while (count < BC_ERROR_SLOTS &&
	       bcast_monitor_error(monitor, &next, &all[count]) == 1)
		count++;
	qsort(all, count, sizeof(*all), newest_first);
	bc_json_begin(json, "errors", '[');
	for (size_t i = 0; i < count; i++) {
		bc_json_begin(json, NULL, '{');
		add_error(json, &all[i]);
		bc_json_end(json, '}');
	}
	bc_json_end(json, ']');
	free(all);
	return 0;
}

static void counters(struct bc_json_text *json,
		     const struct bcast_monitor *monitor)
{
	struct bcast_counter_info counter;
	uint32_t next = 0;

	bc_json_begin(json, "counters", '{');
	while (bcast_monitor_counter(monitor, &next, &counter) == 1) {
		bc_json_begin(json, counter.name, '{');
		add_counter(json, &counter);
		bc_json_end(json, '}');
	}
	bc_json_end(json, '}');
}

static int list_nodes(struct bc_json_text *json, struct bcast_nodes *view)
{
	int limit = (int)bcast_nodes_limit(view);
	struct bcast_node_info *entries =
		calloc((size_t)limit, sizeof(*entries));
	int count;

	if (!entries)
		return -ENOMEM;
	count = bcast_nodes_list(view, entries, limit);
	if (count >= 0)
		bc_json_begin(json, "nodes", '[');
	for (int i = 0; i < count && i < limit; i++) {
		bc_json_begin(json, NULL, '{');
		add_node(json, &entries[i]);
		bc_json_end(json, '}');
	}
	if (count >= 0)
		bc_json_end(json, ']');
	free(entries);
	return count;
}

/* They stand in another object, and that may be out of reach. */
static int nodes(struct bc_json_text *json, const char *name)
{
	struct bcast_nodes *view;
	int ret = bcast_nodes_open(name, &view);

	if (ret == 0) {
		ret = list_nodes(json, view);
		bcast_nodes_close(view);
	}
	if (ret == -ENOMEM)
		return ret;
	if (ret < 0)
		bc_json_TEXT(json, "nodes_error", bcast_strerror(ret));
	return 0;
}

/* ---- The whole --------------------------------------------------------- */

static int basics(struct bc_json_text *json,
		  const struct bcast_monitor *monitor,
		  const struct bcast_stream_info *stream)
{
	struct bcast_writer_info writer;
	struct bcast_summary_info summary;
	int ret = bcast_monitor_writer(monitor, &writer);

	if (ret != 0)
		return ret;
	ret = bcast_monitor_summary(monitor, &summary);
	if (ret != 0)
		return ret;
	bc_json_begin(json, "stream", '{');
	add_stream(json, stream);
	bc_json_end(json, '}');
	bc_json_begin(json, "writer", '{');
	add_writer(json, &writer);
	bc_json_end(json, '}');
	facts(json, monitor);
	bc_json_begin(json, "summary", '{');
	add_summary(json, &summary);
	bc_json_end(json, '}');
	peers(json, monitor, "senders", true);
	return 0;
}

int64_t bcast_monitor_json(const struct bcast_monitor *monitor,
			   uint32_t sections, char *buffer, size_t size)
{
	struct bc_json_text json = {.out = {.size = size}};
	struct bcast_stream_info stream;
	int ret = bcast_monitor_stream(monitor, &stream);

	if (ret < 0)
		return ret;
	json.out.buffer = buffer;
	bc_json_begin(&json, NULL, '{');
	ret = basics(&json, monitor, &stream);
	if (sections & BCAST_JSON_RECEIVERS)
		peers(&json, monitor, "receivers", false);
	if (sections & BCAST_JSON_CLOSED)
		closed(&json, monitor);
	if (ret == 0 && (sections & BCAST_JSON_ERRORS))
		ret = errors(&json, monitor);
	if (sections & BCAST_JSON_COUNTERS)
		counters(&json, monitor);
	if (ret == 0 && (sections & BCAST_JSON_NODES))
		ret = nodes(&json, stream.name);
	bc_json_end(&json, '}');
	return ret < 0 ? ret : (int64_t)bc_json_finish(&json);
}
