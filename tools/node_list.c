/* SPDX-License-Identifier: MIT */
/*
 * node_list.c - list the nodes of a stream, or tell who comes and goes.
 *
 * A watch holds the last list against the next one. A node is the same if slot,
 * id and the time it joined are; so one that left and came back under its id
 * between two lists is told as both.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "format.h"
#include "node.h"

#define SLICE_MS 200 /* between two looks for a signal */

/* A list as large as it can get. */
struct list {
	struct bcast_node_info *entries;
	int count;
};

static bool list_init(struct list *list, const struct bcast_nodes *nodes)
{
	list->entries =
		calloc(bcast_nodes_limit(nodes), sizeof(*list->entries));
	list->count = 0;
	return list->entries != NULL;
}

static int list_fill(struct list *list, struct bcast_nodes *nodes)
{
	int limit = (int)bcast_nodes_limit(nodes);
	int count = bcast_nodes_list(nodes, list->entries, limit);

	if (count < 0)
		return count;
	list->count = count < limit ? count : limit;
	return 0;
}

/* ---- JSON -------------------------------------------------------------- */

static struct json_object *new_NUMBER(uint64_t value)
{
	return json_object_new_uint64(value);
}

static struct json_object *new_TEXT(const char *text)
{
	return json_object_new_string(text);
}

static struct json_object *new_BOOL(uint32_t value)
{
	return json_object_new_boolean(value != 0);
}

static void add(struct json_object *object, const char *key,
		struct json_object *value)
{
	(void)json_object_object_add(object, key, value);
}

static void add_node(struct json_object *object,
		     const struct bcast_node_info *n)
{
#define NODE_KEY(key, type, value, help) add(object, #key, new_##type(value));
#include "node_keys.def"
#undef NODE_KEY
}

static void print_json(struct json_object *value, int layout)
{
	const char *text = json_object_to_json_string_ext(value, layout);

	if (text)
		(void)puts(text); /* errors show when the stream is closed */
	json_object_put(value);
}

static void list_json(const struct list *list)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < list->count; i++) {
		struct json_object *object = json_object_new_object();

		add_node(object, &list->entries[i]);
		(void)json_object_array_add(array, object);
	}
	print_json(array, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
				  JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* ---- Text -------------------------------------------------------------- */

static void print_node(const struct bcast_node_info *n, int width)
{
	bool reads = (n->roles & BCAST_NODE_READER) != 0;

	printf("%-*s  %-7s  %7" PRIu32 "  %9s  %10s  %5" PRIu64
	       "  %10s  %7.1f  %7.1f\n",
	       width, n->id, bcast_node_state_name(n->state), n->pid,
	       format_duration(n->heartbeat_age_ns).text,
	       reads ? format_bytes(n->lag).text : "-", n->laps,
	       reads ? format_bytes(n->lost_bytes).text : "-",
	       (double)n->latency_p50_ns / 1000,
	       (double)n->latency_p99_ns / 1000);
}

static void list_text(const struct list *list)
{
	int width = 2;

	for (int i = 0; i < list->count; i++) {
		int length = (int)strlen(list->entries[i].id);

		width = length > width ? length : width;
	}
	printf("%-*s  %-7s  %7s  %9s  %10s  %5s  %10s  %7s  %7s\n", width, "ID",
	       "STATE", "PID", "HEARTBEAT", "LAG", "LAPS", "LOST", "P50 us",
	       "P99 us");
	for (int i = 0; i < list->count; i++)
		print_node(&list->entries[i], width);
}

int node_list(const struct node_wish *wish)
{
	struct bcast_nodes *nodes;
	struct list list;
	int ret = bcast_nodes_open(wish->name, &nodes);

	if (ret < 0)
		return node_error(wish, ret, false);
	ret = list_init(&list, nodes) ? list_fill(&list, nodes) : -ENOMEM;
	bcast_nodes_close(nodes);
	if (ret == 0 && wish->json)
		list_json(&list);
	else if (ret == 0)
		list_text(&list);
	free(list.entries);
	return ret < 0 ? node_error(wish, ret, false) : EX_OK;
}

/* ---- Watch ------------------------------------------------------------- */

static void tell(const struct node_wish *wish, const char *event,
		 const struct bcast_node_info *node)
{
	struct json_object *object;

	if (!wish->json) {
		printf("%s %s pid=%" PRIu32 " slot=%" PRIu32 "\n", event,
		       node->id, node->pid, node->slot);
		return;
	}
	object = json_object_new_object();
	add(object, "event", new_TEXT(event));
	add_node(object, node);
	print_json(object,
		   JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static bool has(const struct list *list, const struct bcast_node_info *node)
{
	for (int i = 0; i < list->count; i++) {
		const struct bcast_node_info *other = &list->entries[i];

		if (other->slot == node->slot &&
		    other->joined_realtime_ns == node->joined_realtime_ns &&
		    other->state != BCAST_NODE_DEAD &&
		    strcmp(other->id, node->id) == 0)
			return true;
	}
	return false;
}

static void tell_changes(const struct node_wish *wish, const struct list *old,
			 const struct list *new)
{
	for (int i = 0; i < old->count; i++)
		if (old->entries[i].state != BCAST_NODE_DEAD &&
		    !has(new, &old->entries[i]))
			tell(wish, "left", &old->entries[i]);
	for (int i = 0; i < new->count; i++)
		if (new->entries[i].state != BCAST_NODE_DEAD &&
		    !has(old, &new->entries[i]))
			tell(wish, "joined", &new->entries[i]);
	(void)fflush(stdout); /* errors end the watch */
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Those who are there are told first; then every change. */
static int watch(const struct node_wish *wish, struct bcast_nodes *nodes,
		 struct list lists[2])
{
	int64_t end_ms =
		wish->timeout_ms < 0 ? INT64_MAX : now_ms() + wish->timeout_ms;
	unsigned turn = 0;
	int ret = 1;

	while (!*wish->interrupted && !ferror(stdout)) {
		int64_t left_ms;

		if (ret == 1) {
			ret = list_fill(&lists[!turn], nodes);
			if (ret < 0)
				return ret;
			tell_changes(wish, &lists[turn], &lists[!turn]);
			turn = !turn;
		}
		left_ms = end_ms - now_ms();
		if (left_ms <= 0)
			return 0;
		ret = bcast_nodes_watch(nodes, left_ms < SLICE_MS ? (int)left_ms
								  : SLICE_MS);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int node_watch(const struct node_wish *wish)
{
	struct list lists[2] = {{0}};
	struct bcast_nodes *nodes;
	int ret = bcast_nodes_open(wish->name, &nodes);

	if (ret < 0)
		return node_error(wish, ret, false);
	ret = -ENOMEM;
	if (list_init(&lists[0], nodes) && list_init(&lists[1], nodes))
		ret = watch(wish, nodes, lists);
	free(lists[0].entries);
	free(lists[1].entries);
	bcast_nodes_close(nodes);
	return ret < 0 ? node_error(wish, ret, false) : EX_OK;
}
