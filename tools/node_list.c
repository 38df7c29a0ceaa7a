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
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "json_value.h"
#include "node.h"
#include "nodes.h"

#define SLICE_MS 200 /* between two looks for a signal */

int node_list(const struct node_wish *wish)
{
	struct nodes nodes = {0};
	int ret = nodes_read(wish->name, &nodes);

	if (ret == 0 && wish->json)
		ret = json_value_print(nodes_json(&nodes), false);
	else if (ret == 0)
		nodes_text(&nodes);
	nodes_free(&nodes);
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
	json_value_add(object, "event", json_value_TEXT(event));
	nodes_json_one(object, node);
	(void)json_value_print(object, true);
}

static bool has(const struct nodes *list, const struct bcast_node_info *node)
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

static void tell_changes(const struct node_wish *wish, const struct nodes *old,
			 const struct nodes *new)
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

/* Those who are there are told first; then every change. */
static int watch(const struct node_wish *wish, struct bcast_nodes *view,
		 struct nodes lists[2])
{
	int64_t end_ms = wish->timeout_ms < 0
				 ? INT64_MAX
				 : node_now_ms() + wish->timeout_ms;
	unsigned turn = 0;
	int ret = 1;

	while (!*wish->interrupted && !ferror(stdout)) {
		int64_t left_ms;

		if (ret == 1) {
			ret = nodes_fill(&lists[!turn], view);
			if (ret < 0)
				return ret;
			tell_changes(wish, &lists[turn], &lists[!turn]);
			turn = !turn;
		}
		left_ms = end_ms - node_now_ms();
		if (left_ms <= 0)
			return 0;
		ret = bcast_nodes_watch(view, left_ms < SLICE_MS ? (int)left_ms
								 : SLICE_MS);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int node_watch(const struct node_wish *wish)
{
	struct nodes lists[2] = {{0}};
	struct bcast_nodes *view;
	int ret = bcast_nodes_open(wish->name, &view);

	if (ret < 0)
		return node_error(wish, ret, false);
	ret = -ENOMEM;
	if (nodes_init(&lists[0], view) && nodes_init(&lists[1], view))
		ret = watch(wish, view, lists);
	nodes_free(&lists[0]);
	nodes_free(&lists[1]);
	bcast_nodes_close(view);
	return ret < 0 ? node_error(wish, ret, false) : EX_OK;
}
