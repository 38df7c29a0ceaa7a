/* SPDX-License-Identifier: MIT */
/*
 * shmstat_json.c - the stream as JSON, key by key from bcast/fields.def.
 */
#include "json_value.h"
#include "rights.h"
#include "shmstat.h"

/* ---- One section by its rows ------------------------------------------- */

#define ROW(key, type, value) \
	json_value_add(object, #key, json_value_##type(value));

static void add_stream(struct json_object *object,
		       const struct bcast_stream_info *s)
{
#define STREAM_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_writer(struct json_object *object,
		       const struct bcast_writer_info *w)
{
#define WRITER_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_summary(struct json_object *object,
			const struct shmstat_totals *t)
{
#define SUMMARY_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_peer(struct json_object *object,
		     const struct bcast_peer_info *p)
{
#define PEER_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_closed(struct json_object *object,
		       const struct bcast_closed_info *c)
{
#define CLOSED_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_counter(struct json_object *object,
			const struct bcast_counter_info *n)
{
#define COUNTER_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

static void add_error(struct json_object *object,
		      const struct bcast_error_info *e)
{
#define ERROR_KEY(key, type, value, ...) ROW(key, type, value)
#include <bcast/fields.def>
}

/* ---- The whole --------------------------------------------------------- */

static struct json_object *facts(const struct shmstat *stat)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < stat->fact_count; i++)
		json_value_add(object, stat->facts[i].key,
			       json_value_TEXT(stat->facts[i].value));
	return object;
}

static struct json_object *peers(const struct shmstat *stat, bool senders)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < stat->peer_count; i++) {
		struct json_object *object;

		if (shmstat_is_sender(&stat->peers[i]) != senders)
			continue;
		object = json_object_new_object();
		add_peer(object, &stat->peers[i]);
		(void)json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *closed(const struct shmstat *stat)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < stat->closed_count; i++) {
		struct json_object *object = json_object_new_object();

		add_closed(object, &stat->closed[i]);
		(void)json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *errors(const struct shmstat *stat)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < stat->error_count; i++) {
		struct json_object *object = json_object_new_object();

		add_error(object, &stat->errors[i]);
		(void)json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *counters(const struct shmstat *stat)
{
	struct json_object *all = json_object_new_object();

	for (size_t i = 0; i < stat->counter_count; i++) {
		struct json_object *object = json_object_new_object();

		add_counter(object, &stat->counters[i]);
		json_value_add(all, stat->counters[i].name, object);
	}
	return all;
}

struct json_object *shmstat_json_object(const struct shmstat *stat,
					const struct shmstat_sections *sections)
{
	struct json_object *whole = json_object_new_object();
	struct json_object *stream = json_object_new_object();
	struct json_object *summary = json_object_new_object();
	struct json_object *writer = json_object_new_object();

	add_stream(stream, &stat->stream);
	add_writer(writer, &stat->writer);
	add_summary(summary, &stat->totals);
	json_value_add(whole, "stream", stream);
	json_value_add(whole, "writer", writer);
	json_value_add(whole, "facts", facts(stat));
	json_value_add(whole, "summary", summary);
	json_value_add(whole, "senders", peers(stat, true));
	if (sections->receivers)
		json_value_add(whole, "receivers", peers(stat, false));
	if (sections->closed)
		json_value_add(whole, "closed", closed(stat));
	if (sections->errors)
		json_value_add(whole, "errors", errors(stat));
	if (sections->counters)
		json_value_add(whole, "counters", counters(stat));
	if (sections->nodes && stat->nodes_problem.text[0])
		json_value_add(whole, "nodes_error",
			       json_value_TEXT(stat->nodes_problem.text));
	else if (sections->nodes)
		json_value_add(whole, "nodes", nodes_json(&stat->nodes));
	return whole;
}

int shmstat_json(const struct shmstat *stat,
		 const struct shmstat_sections *sections)
{
	return json_value_print(shmstat_json_object(stat, sections), false);
}

int shmstat_json_list(const struct shmstat_listed *listed, int count)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < count; i++) {
		struct json_object *object = json_object_new_object();

		if (listed[i].error < 0) {
			json_value_add(object, "name",
				       json_value_TEXT(listed[i].name));
			json_value_add(object, "error",
				       json_value_TEXT(bcast_strerror(
					       listed[i].error)));
		} else {
			add_stream(object, &listed[i].stream);
			add_summary(object, &listed[i].totals);
		}
		(void)json_object_array_add(array, object);
	}
	return json_value_print(array, false);
}
