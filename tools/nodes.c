/* SPDX-License-Identifier: MIT */
/*
 * nodes.c - see nodes.h.
 *
 * The table shows what tells whether a node keeps up, and is for people; the
 * JSON has everything. A figure that a node does not have (no reader, latency
 * not measured) is a dash, since 0 would be a good value.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "json_value.h"
#include "nodes.h"
#include "rights.h"

/* ---- Read -------------------------------------------------------------- */

bool nodes_init(struct nodes *nodes, const struct bcast_nodes *view)
{
	nodes->limit = bcast_nodes_limit(view);
	nodes->count = 0;
	nodes->entries = calloc(nodes->limit, sizeof(*nodes->entries));
	return nodes->entries != NULL;
}

int nodes_fill(struct nodes *nodes, struct bcast_nodes *view)
{
	int limit = (int)nodes->limit;
	int count = bcast_nodes_list(view, nodes->entries, limit);

	if (count < 0)
		return count;
	nodes->count = count < limit ? count : limit;
	return 0;
}

int nodes_read(const char *name, struct nodes *nodes)
{
	struct bcast_nodes *view;
	int ret = bcast_nodes_open(name, &view);

	if (ret < 0)
		return ret;
	ret = nodes_init(nodes, view) ? nodes_fill(nodes, view) : -ENOMEM;
	bcast_nodes_close(view);
	return ret;
}

void nodes_free(struct nodes *nodes)
{
	free(nodes->entries);
	memset(nodes, 0, sizeof(*nodes));
}

/* ---- Text -------------------------------------------------------------- */

/* Microseconds, or a dash if none was measured. */
static struct format_text latency(const struct bcast_node_info *n,
				  uint64_t nanoseconds)
{
	struct format_text result = {"-"};

	if (n->latency_count > 0)
		snprintf(result.text, sizeof(result.text), "%.1f",
			 (double)nanoseconds / 1000);
	return result;
}

/* A count that only a reader has. */
static struct format_text read_count(const struct bcast_node_info *n,
				     uint64_t count)
{
	struct format_text result = {"-"};

	if (n->roles & BCAST_NODE_READER)
		snprintf(result.text, sizeof(result.text), "%" PRIu64, count);
	return result;
}

static struct format_text read_bytes(const struct bcast_node_info *n,
				     uint64_t bytes)
{
	const struct format_text none = {"-"};

	return n->roles & BCAST_NODE_READER ? format_bytes(bytes) : none;
}

/* Since a gate that was given up is why a node that asked for one has laps. */
static struct format_text gate(const struct bcast_node_info *n)
{
	struct format_text result = {"-"};

	if (n->roles & BCAST_NODE_GATING)
		snprintf(result.text, sizeof(result.text), "%" PRIu64 " ms",
			 n->gate_timeout_ms);
	else if (n->gates_given_up > 0)
		snprintf(result.text, sizeof(result.text), "given up");
	return result;
}

/* For one beyond TCP it would be the daemon's. */
static struct format_text process(const struct bcast_node_info *n)
{
	struct format_text result = {"remote"};

	if (!(n->roles & BCAST_NODE_REMOTE))
		snprintf(result.text, sizeof(result.text), "%" PRIu32, n->pid);
	return result;
}

static void print_node(const struct bcast_node_info *n, int width)
{
	printf("%-*s  %-7s  %7s  %11s  %8s  %8s  %5s  %8s  %8s  %7s  "
	       "%7s  %7s\n",
	       width, n->id, bcast_node_state_name(n->state), process(n).text,
	       format_duration(n->heartbeat_age_ns).text,
	       read_bytes(n, n->lag).text, read_count(n, n->waits).text,
	       read_count(n, n->laps).text, read_bytes(n, n->lost_bytes).text,
	       gate(n).text, latency(n, n->latency_p50_ns).text,
	       latency(n, n->latency_p99_ns).text,
	       latency(n, n->latency_max_ns).text);
}

void nodes_text(const struct nodes *nodes)
{
	int width = 2;

	for (int i = 0; i < nodes->count; i++) {
		int length = (int)strlen(nodes->entries[i].id);

		width = length > width ? length : width;
	}
	printf("%-*s  %-7s  %7s  %11s  %8s  %8s  %5s  %8s  %8s  %7s  %7s  %7s"
	       "\n",
	       width, "ID", "STATE", "PID", "HEARTBEAT", "LAG", "WAITS", "LAPS",
	       "LOST", "GATE", "P50 us", "P99 us", "MAX us");
	for (int i = 0; i < nodes->count; i++)
		print_node(&nodes->entries[i], width);
}

/* ---- JSON -------------------------------------------------------------- */

void nodes_json_one(struct json_object *object, const struct bcast_node_info *n)
{
#define NODE_KEY(key, type, value, ...) \
	json_value_add(object, #key, json_value_##type(value));
#include <bcast/fields.def>
}

struct json_object *nodes_json(const struct nodes *nodes)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < nodes->count; i++) {
		struct json_object *object = json_object_new_object();

		nodes_json_one(object, &nodes->entries[i]);
		(void)json_object_array_add(array, object);
	}
	return array;
}

/* ---- Problems ---------------------------------------------------------- */

struct path {
	char text[sizeof("/dev/shm/bcast..nodes") + BCAST_NAME_MAX];
};

static struct path registry_path(const char *name)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "/dev/shm/bcast.%s.nodes", name);
	return path;
}

bool nodes_forbidden(const char *name, int result, bool to_write,
		     struct nodes_problem *problem)
{
	const struct path path = registry_path(name);

	if (result != -EACCES ||
	    access(path.text, to_write ? R_OK | W_OK : R_OK) == 0)
		return false;
	snprintf(problem->text, sizeof(problem->text), "%s: %s: %s", path.text,
		 bcast_strerror(result),
		 rights_missing(path.text, to_write ? RIGHTS_JOIN : RIGHTS_READ)
			 .text);
	return true;
}

struct nodes_problem nodes_problem(const char *name, int result)
{
	const struct path path = registry_path(name);
	const char *why = bcast_strerror(result);
	struct nodes_problem problem;

	if (nodes_forbidden(name, result, false, &problem))
		return problem;
	/* the stream stands, so it is not being created, as strerror says */
	if (result == BCAST_ENOTREADY)
		why = access(path.text, F_OK) < 0
			      ? "missing: the stream has no registry of nodes"
			      : "not the registry of this stream";
	snprintf(problem.text, sizeof(problem.text), "%s: %s", path.text, why);
	return problem;
}
