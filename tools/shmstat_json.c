/* SPDX-License-Identifier: MIT */
/*
 * shmstat_json.c - the stream as JSON, key by key from shmstat_keys.def.
 *
 * json-c prints: it escapes, and it has integers of 64 bits without a sign,
 * which positions are. It sets keys in the order given.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

#include "shmstat.h"

#define LAYOUT                                               \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | \
	 JSON_C_TO_STRING_NOSLASHESCAPE)

/* ---- One value by type ------------------------------------------------- */

/*
 * Out of memory: the object lacks the key, which json-c does not report; the
 * text of the whole is then short of memory as well, and that is reported.
 */
static void add(struct json_object *object, const char *key,
		struct json_object *value)
{
	(void)json_object_object_add(object, key, value);
}

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

static struct json_object *new_HEX(uint64_t value)
{
	char text[sizeof("0x0123456789abcdef")];

	snprintf(text, sizeof(text), "0x%016" PRIx64, value);
	return json_object_new_string(text);
}

/* ---- One section by its rows ------------------------------------------- */

#define ROW(key, type, value) add(object, #key, new_##type(value));
#define STREAM_KEY(...)
#define SUMMARY_KEY(...)
#define PEER_KEY(...)
#define CLOSED_KEY(...)
#define COUNTER_KEY(...)

static void add_stream(struct json_object *object,
		       const struct bcast_stream_info *s)
{
#undef STREAM_KEY
#define STREAM_KEY(key, type, value, help) ROW(key, type, value)
#include "shmstat_keys.def"
#undef STREAM_KEY
#define STREAM_KEY(...)
}

static void add_summary(struct json_object *object,
			const struct shmstat_totals *t)
{
#undef SUMMARY_KEY
#define SUMMARY_KEY(key, type, value, help) ROW(key, type, value)
#include "shmstat_keys.def"
#undef SUMMARY_KEY
#define SUMMARY_KEY(...)
}

static void add_peer(struct json_object *object,
		     const struct bcast_peer_info *p)
{
#undef PEER_KEY
#define PEER_KEY(key, type, value, help) ROW(key, type, value)
#include "shmstat_keys.def"
#undef PEER_KEY
#define PEER_KEY(...)
}

static void add_closed(struct json_object *object,
		       const struct bcast_closed_info *c)
{
#undef CLOSED_KEY
#define CLOSED_KEY(key, type, value, help) ROW(key, type, value)
#include "shmstat_keys.def"
#undef CLOSED_KEY
#define CLOSED_KEY(...)
}

static void add_counter(struct json_object *object,
			const struct bcast_counter_info *n)
{
#undef COUNTER_KEY
#define COUNTER_KEY(key, type, value, help) ROW(key, type, value)
#include "shmstat_keys.def"
#undef COUNTER_KEY
#define COUNTER_KEY(...)
}

/* ---- The whole --------------------------------------------------------- */

static struct json_object *facts(const struct shmstat *stat)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < stat->fact_count; i++)
		add(object, stat->facts[i].key, new_TEXT(stat->facts[i].value));
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

static struct json_object *counters(const struct shmstat *stat)
{
	struct json_object *all = json_object_new_object();

	for (size_t i = 0; i < stat->counter_count; i++) {
		struct json_object *object = json_object_new_object();

		add_counter(object, &stat->counters[i]);
		add(all, stat->counters[i].name, object);
	}
	return all;
}

static int print(struct json_object *value)
{
	const char *text = json_object_to_json_string_ext(value, LAYOUT);

	if (text)
		(void)puts(text); /* errors show when the stream is closed */
	json_object_put(value);
	return text ? 0 : -ENOMEM;
}

int shmstat_json(const struct shmstat *stat,
		 const struct shmstat_sections *sections)
{
	struct json_object *whole = json_object_new_object();
	struct json_object *stream = json_object_new_object();
	struct json_object *summary = json_object_new_object();

	add_stream(stream, &stat->stream);
	add_summary(summary, &stat->totals);
	add(whole, "stream", stream);
	add(whole, "facts", facts(stat));
	add(whole, "summary", summary);
	add(whole, "senders", peers(stat, true));
	if (sections->receivers)
		add(whole, "receivers", peers(stat, false));
	if (sections->closed)
		add(whole, "closed", closed(stat));
	if (sections->counters)
		add(whole, "counters", counters(stat));
	return print(whole);
}

int shmstat_json_list(const struct shmstat_listed *listed, int count)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < count; i++) {
		struct json_object *object = json_object_new_object();

		if (listed[i].error < 0) {
			add(object, "name", new_TEXT(listed[i].name));
			add(object, "error",
			    new_TEXT(bcast_strerror(listed[i].error)));
		} else {
			add_stream(object, &listed[i].stream);
			add_summary(object, &listed[i].totals);
		}
		(void)json_object_array_add(array, object);
	}
	return print(array);
}
