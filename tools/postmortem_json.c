/* SPDX-License-Identifier: MIT */
/*
 * postmortem_json.c - see postmortem.h: the report as one object of JSON. It is
 * that of --json with all tables, and beside it: end, the last records or
 * bytes, and what can be saved. Bytes are in hexadecimal: they need not be
 * text.
 */
#include <inttypes.h>

#include "json_value.h"
#include "postmortem.h"

static struct json_object *end_of(const struct postmortem_end *end)
{
	struct json_object *object = json_object_new_object();

	json_value_add(object, "how", json_value_TEXT(end->how));
	json_value_add(object, "text", json_value_TEXT(end->text));
	json_value_add(object, "before", json_value_TEXT(end->before));
	json_value_add(object, "heartbeat_realtime_ns",
		       json_value_NUMBER(end->heartbeat_realtime_ns));
	return object;
}

static struct json_object *record_of(const struct postmortem_record *record)
{
	const struct bcast_packet *p = &record->packet;
	struct json_object *object = json_object_new_object();
	uint32_t key = postmortem_data_key(record);
	uint32_t kept = postmortem_data_kept(record);

	json_value_add(object, "sequence", json_value_NUMBER(p->sequence));
	json_value_add(object, "position", json_value_NUMBER(p->position));
	json_value_add(object, "timestamp_ns",
		       json_value_NUMBER(p->timestamp_ns));
	json_value_add(object, "source", json_value_NUMBER(p->source));
	json_value_add(object, "type", json_value_NUMBER(p->type));
	json_value_add(object, "length", json_value_NUMBER(p->length));
	json_value_add(object, "key_length", json_value_NUMBER(p->key_length));
	json_value_add(object, "key_hex", json_value_bytes(record->bytes, key));
	json_value_add(object, "first_bytes_hex",
		       json_value_bytes(record->bytes + key, kept - key));
	return object;
}

static struct json_object *records_of(const struct postmortem_data *data)
{
	struct json_object *array = json_object_new_array();
	const struct postmortem_record *record;

	for (uint64_t i = 0; (record = postmortem_data_record(data, i)); i++)
		(void)json_object_array_add(array, record_of(record));
	return array;
}

static struct json_object *bytes_of(const struct postmortem_data *data)
{
	struct json_object *object = json_object_new_object();

	json_value_add(object, "position", json_value_NUMBER(data->position));
	json_value_add(object, "hex",
		       json_value_bytes(data->bytes, (size_t)data->size));
	return object;
}

int postmortem_json(const struct shmstat *stat,
		    const struct shmstat_sections *sections,
		    const struct postmortem_end *end,
		    const struct postmortem_data *data)
{
	struct json_object *whole;
	int ret = shmstat_json_object(stat->stream.name, sections, &whole);

	if (ret < 0)
		return ret;
	json_value_add(whole, "end", end_of(end));
	if (data->records)
		json_value_add(whole, "last_records", records_of(data));
	if (data->bytes)
		json_value_add(whole, "last_bytes", bytes_of(data));
	return json_value_print(whole, false);
}
