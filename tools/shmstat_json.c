/* SPDX-License-Identifier: MIT */
/*
 * shmstat_json.c - the stream as JSON. libbcast makes it (bcast_monitor_json),
 * for programs, on one line; here it becomes many lines, for people too.
 */
#include <errno.h>
#include <stdlib.h>

#include "json_value.h"
#include "rights.h"
#include "shmstat.h"

/* Returns 0, -ENOMEM, or as bcast_monitor_open(). */
static int get(const char *name, uint32_t sections, struct json_object **whole)
{
	struct bcast_monitor *monitor;
	char *text;
	int ret = bcast_monitor_open(name, &monitor);

	if (ret < 0)
		return ret;
	ret = shmstat_make(bcast_monitor_json, monitor, sections, &text);
	bcast_monitor_close(monitor);
	if (ret < 0)
		return ret;
	*whole = json_tokener_parse(text);
	free(text);
	return *whole ? 0 : -ENOMEM;
}

static uint32_t wanted(const struct shmstat_sections *sections)
{
	return (sections->receivers ? BCAST_JSON_RECEIVERS : 0) |
	       (sections->closed ? BCAST_JSON_CLOSED : 0) |
	       (sections->errors ? BCAST_JSON_ERRORS : 0) |
	       (sections->counters ? BCAST_JSON_COUNTERS : 0) |
	       (sections->nodes ? BCAST_JSON_NODES : 0);
}

/* The library says why in a word; we can say what to do. */
static void explain_nodes(const char *name, struct json_object *whole)
{
	struct nodes nodes = {0};
	int ret;

	if (!json_object_object_get_ex(whole, "nodes_error", NULL))
		return;
	ret = nodes_read(name, &nodes);
	nodes_free(&nodes);
	if (ret < 0)
		json_value_add(whole, "nodes_error",
			       json_value_TEXT(nodes_problem(name, ret).text));
}

int shmstat_json_object(const char *name,
			const struct shmstat_sections *sections,
			struct json_object **whole)
{
	int ret = get(name, wanted(sections), whole);

	if (ret == 0)
		explain_nodes(name, *whole);
	return ret;
}

int shmstat_json(const char *name, const struct shmstat_sections *sections)
{
	struct json_object *whole;
	int ret = shmstat_json_object(name, sections, &whole);

	return ret < 0 ? ret : json_value_print(whole, false);
}

/* ---- All streams ------------------------------------------------------- */

static void add_all(struct json_object *to, struct json_object *whole,
		    const char *section)
{
	struct json_object *from = json_object_object_get(whole, section);

	json_object_object_foreach(from, key, value)
		json_value_add(to, key, json_object_get(value));
}

static struct json_object *one(const struct shmstat_listed *listed)
{
	struct json_object *object = json_object_new_object();
	struct json_object *whole = NULL;
	int ret = listed->error;

	if (ret == 0)
		ret = get(listed->name, 0, &whole);
	if (ret < 0) {
		json_value_add(object, "name", json_value_TEXT(listed->name));
		json_value_add(object, "error",
			       json_value_TEXT(bcast_strerror(ret)));
		return object;
	}
	add_all(object, whole, "stream");
	add_all(object, whole, "summary");
	json_object_put(whole);
	return object;
}

int shmstat_json_list(const struct shmstat_listed *listed, int count)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < count; i++)
		(void)json_object_array_add(array, one(&listed[i]));
	return json_value_print(array, false);
}
