/* SPDX-License-Identifier: MIT */
/*
 * client_prometheus.c - monitor.h as metrics: the stream, its counters, its
 * connections.
 *
 * Here in the library, and not in the tool that prints it, since the daemon
 * will serve the same text and sees no tool; and since both then agree to the
 * byte. The rows are those of bcast/fields.def, which JSON and the man page are
 * made of too, and what the counters say of themselves.
 *
 * The format wants all samples of a metric in one place, so connections are
 * read once, into memory, and gone through for each metric.
 */
#include <errno.h>
#include <stdlib.h>

#include <bcast/monitor.h>

#include "shm/client_prometheus_nodes.h"
#include "shm/metric_text.h"

/* ---- Rows -------------------------------------------------------------- */

/* The value of a row that is a number; rows of the other kinds have none. */
#define VALUE_GAUGE(value)   return (value);
#define VALUE_COUNTER(value) return (value);
#define VALUE_LABEL(value)   return 0;
#define VALUE_NONE(value)    return 0;

#define ROW(section, key, metric, unit, help) \
	{section, #key, unit, help, BC_METRIC_##metric},

static const struct bc_metric stream_rows[] = {
#define STREAM_KEY(key, type, value, metric, unit, help) \
	ROW("stream", key, metric, unit, help)
#include <bcast/fields.def>
};

static const struct bc_metric peer_rows[] = {
#define PEER_KEY(key, type, value, metric, unit, help) \
	ROW("peer", key, metric, unit, help)
#include <bcast/fields.def>
};

static const struct bc_metric error_rows[] = {
#define ERROR_KEY(key, type, value, metric, unit, help) \
	ROW("error", key, metric, unit, help)
#include <bcast/fields.def>
};

#define ERROR_ROWS  (sizeof(error_rows) / sizeof(error_rows[0]))
#define STREAM_ROWS (sizeof(stream_rows) / sizeof(stream_rows[0]))
#define PEER_ROWS   (sizeof(peer_rows) / sizeof(peer_rows[0]))

enum stream_row {
#define STREAM_KEY(key, ...) STREAM_##key,
#include <bcast/fields.def>
};

enum peer_row {
#define PEER_KEY(key, ...) PEER_##key,
#include <bcast/fields.def>
};

enum error_row {
#define ERROR_KEY(key, ...) ERROR_##key,
#include <bcast/fields.def>
};

static uint64_t error_value(enum error_row row,
			    const struct bcast_error_info *e)
{
	switch (row) {
#define ERROR_KEY(key, type, value, metric, ...) \
	case ERROR_##key:                        \
		VALUE_##metric(value)
#include <bcast/fields.def>
	}
	return 0;
}

static uint64_t stream_value(enum stream_row row,
			     const struct bcast_stream_info *s)
{
	switch (row) {
#define STREAM_KEY(key, type, value, metric, ...) \
	case STREAM_##key:                        \
		VALUE_##metric(value)
#include <bcast/fields.def>
	}
	return 0;
}

static uint64_t peer_value(enum peer_row row, const struct bcast_peer_info *p)
{
	switch (row) {
#define PEER_KEY(key, type, value, metric, ...) \
	case PEER_##key:                        \
		VALUE_##metric(value)
#include <bcast/fields.def>
	}
	return 0;
}

#define LABEL_GAUGE(key, type, value)
#define LABEL_COUNTER(key, type, value)
#define LABEL_LABEL(key, type, value) bc_metric_label_##type(text, #key, value);
#define LABEL_NONE(key, type, value)

static bool is_number(const struct bc_metric *row)
{
	return row->kind != BC_METRIC_NONE && row->kind != BC_METRIC_LABEL;
}

/* ---- The stream and its counters --------------------------------------- */

static void add_stream(struct bc_metric_text *text,
		       const struct bcast_stream_info *s)
{
	static const struct bc_metric info = {
		"stream", "info", "",
		"what is not a number about the stream; always 1",
		BC_METRIC_GAUGE};

	bc_metric_head(text, &info);
	bc_metric_sample(text, &info, "");
	bc_metric_label(text, "stream", s->name);
#define STREAM_KEY(key, type, value, metric, ...) \
	LABEL_##metric(key, type, value)
#include <bcast/fields.def>
	bc_metric_count(text, 1);
	for (unsigned i = 0; i < STREAM_ROWS; i++) {
		if (!is_number(&stream_rows[i]))
			continue;
		bc_metric_head(text, &stream_rows[i]);
		bc_metric_sample(text, &stream_rows[i], "");
		bc_metric_label(text, "stream", s->name);
		bc_metric_value(text, &stream_rows[i],
				stream_value((enum stream_row)i, s));
	}
}

static void add_facts(struct bc_metric_text *text,
		      const struct bcast_monitor *monitor, const char *stream)
{
	static const struct bc_metric metric = {
		"stream", "fact", "",
		"what the daemon tells about itself; always 1",
		BC_METRIC_GAUGE};
	struct bcast_fact fact;
	uint32_t next = 0;
	bool first = true;

	while (bcast_monitor_fact(monitor, &next, &fact) == 1) {
		if (first)
			bc_metric_head(text, &metric);
		first = false;
		bc_metric_sample(text, &metric, "");
		bc_metric_label(text, "stream", stream);
		bc_metric_label(text, "fact", fact.key);
		bc_metric_label(text, "value", fact.value);
		bc_metric_count(text, 1);
	}
}

static void add_counters(struct bc_metric_text *text,
			 const struct bcast_monitor *monitor,
			 const char *stream)
{
	struct bcast_counter_info counter;
	uint32_t next = 0;

	while (bcast_monitor_counter(monitor, &next, &counter) == 1) {
		const struct bc_metric metric = {
			.section = "",
			.key = counter.name,
			.unit = counter.unit,
			.help = counter.help,
			.kind = counter.kind == BCAST_GAUGE ? BC_METRIC_GAUGE
							    : BC_METRIC_COUNTER,
		};

		bc_metric_head(text, &metric);
		bc_metric_sample(text, &metric, "");
		bc_metric_label(text, "stream", stream);
		bc_metric_value(text, &metric, counter.value);
	}
}

/* There are few: the list is gone through for each metric. */
static void add_errors(struct bc_metric_text *text,
		       const struct bcast_monitor *monitor, const char *stream)
{
	for (unsigned row = 0; row < ERROR_ROWS; row++) {
		struct bcast_error_info error;
		const struct bcast_error_info *e = &error;
		uint32_t next = 0;

		if (!is_number(&error_rows[row]))
			continue;
		if (bcast_monitor_error(monitor, &next, &error) == 1)
			bc_metric_head(text, &error_rows[row]);
		next = 0;
		while (bcast_monitor_error(monitor, &next, &error) == 1) {
			bc_metric_sample(text, &error_rows[row], "");
			bc_metric_label(text, "stream", stream);
#define ERROR_KEY(key, type, value, metric, ...) \
	LABEL_##metric(key, type, value)
#include <bcast/fields.def>
			bc_metric_value(text, &error_rows[row],
					error_value((enum error_row)row, e));
		}
	}
}

/* ---- Connections ------------------------------------------------------- */

/* An address is not a name: a slot tells those of unix sockets apart. */
static void label_peer(struct bc_metric_text *text, const char *stream,
		       const struct bcast_peer_info *p)
{
	bc_metric_label(text, "stream", stream);
	bc_metric_label_number(text, "slot", p->slot);
	bc_metric_label(text, "peer", p->peer);
}

static void add_peer_info(struct bc_metric_text *text, const char *stream,
			  const struct bcast_peer_info *peers, uint32_t count)
{
	static const struct bc_metric info = {
		"peer", "info", "",
		"what is not a number about an open connection; always 1",
		BC_METRIC_GAUGE};

	bc_metric_head(text, &info);
	for (uint32_t i = 0; i < count; i++) {
		const struct bcast_peer_info *p = &peers[i];

		bc_metric_sample(text, &info, "");
		label_peer(text, stream, p);
#define PEER_KEY(key, type, value, metric, ...) LABEL_##metric(key, type, value)
#include <bcast/fields.def>
		bc_metric_count(text, 1);
	}
}

static int add_peers(struct bc_metric_text *text,
		     const struct bcast_monitor *monitor,
		     const struct bcast_stream_info *s)
{
	struct bcast_peer_info *peers;
	uint32_t count = 0;
	uint32_t next = 0;

	peers = calloc((size_t)s->peer_slots + 1, sizeof(*peers));
	if (!peers)
		return -ENOMEM;
	while (count < s->peer_slots &&
	       bcast_monitor_peer(monitor, &next, &peers[count]) == 1)
		count++;
	if (count > 0)
		add_peer_info(text, s->name, peers, count);
	for (unsigned row = 0; row < PEER_ROWS && count > 0; row++) {
		if (!is_number(&peer_rows[row]))
			continue;
		bc_metric_head(text, &peer_rows[row]);
		for (uint32_t i = 0; i < count; i++) {
			bc_metric_sample(text, &peer_rows[row], "");
			label_peer(text, s->name, &peers[i]);
			bc_metric_value(
				text, &peer_rows[row],
				peer_value((enum peer_row)row, &peers[i]));
		}
	}
	free(peers);
	return 0;
}

int64_t bcast_monitor_prometheus(const struct bcast_monitor *monitor,
				 uint32_t sections, char *buffer, size_t size)
{
	struct bc_metric_text text = {.out = {.size = size}};
	struct bcast_stream_info stream;
	int ret = bcast_monitor_stream(monitor, &stream);

	if (ret < 0)
		return ret;
	text.out.buffer = buffer;
	add_stream(&text, &stream);
	add_facts(&text, monitor, stream.name);
	add_counters(&text, monitor, stream.name);
	add_errors(&text, monitor, stream.name);
	if (sections & BCAST_METRICS_PEERS)
		ret = add_peers(&text, monitor, &stream);
	if (ret == 0 && (sections & BCAST_METRICS_NODES))
		ret = bc_prometheus_nodes(&text, stream.name);
	return ret < 0 ? ret : (int64_t)bc_metric_end(&text);
}
