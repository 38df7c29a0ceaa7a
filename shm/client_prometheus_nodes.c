/* SPDX-License-Identifier: MIT */
/*
 * client_prometheus_nodes.c - see client_prometheus_nodes.h.
 *
 * Latencies are a histogram, since the quantiles that a node's slot is good for
 * are those since it joined; of a histogram the server makes those of the last
 * minutes, and of several nodes together. Its 256 buckets are told as octaves.
 */
#include <errno.h>
#include <stdlib.h>

#include <bcast/bcast.h>

#include "shm/client_prometheus_nodes.h"
#include "shm/histogram.h"
#include "shm/node_info.h"
#include "shm/node_sweep.h"
#include "shm/node_table.h"

/* Octave n ends below 2^(n + 3) ns: shown are those from 1 us to 8.6 s. */
#define PER_OCTAVE   8u
#define FIRST_OCTAVE 7u
#define OCTAVES	     (BC_HISTOGRAM_BUCKETS / PER_OCTAVE)

struct view {
	struct bc_node_table table;
	struct bcast_node_info *nodes;
	uint32_t count;
};

/* ---- Rows: as in client_prometheus.c ----------------------------------- */

static const struct bc_metric rows[] = {
#define NODE_KEY(key, type, value, metric, unit, help) \
	{"node", #key, unit, help, BC_METRIC_##metric},
#include <bcast/fields.def>
};

enum row {
#define NODE_KEY(key, ...) NODE_##key,
#include <bcast/fields.def>
	ROWS
};

#define VALUE_GAUGE(value)   (value)
#define VALUE_COUNTER(value) (value)
#define VALUE_LABEL(value)   0
#define VALUE_NONE(value)    0
/* a BOOL is a mask of bits */
#define AS_NUMBER(value) (value)
#define AS_BOOL(value)	 ((value) != 0)
#define AS_TEXT(value)	 0

static uint64_t value_of(enum row row, const struct bcast_node_info *n)
{
	switch (row) {
#define NODE_KEY(key, type, value, metric, ...) \
	case NODE_##key:                        \
		return AS_##type(VALUE_##metric(value));
#include <bcast/fields.def>
	case ROWS:
		break;
	}
	return 0;
}

#define LABEL_GAUGE(key, type, value)
#define LABEL_COUNTER(key, type, value)
#define LABEL_LABEL(key, type, value) bc_metric_label_##type(text, #key, value);
#define LABEL_NONE(key, type, value)

static void label(struct bc_metric_text *text, const char *stream,
		  const struct bcast_node_info *n)
{
	bc_metric_label(text, "stream", stream);
	bc_metric_label(text, "node", n->id);
}

/* ---- Metrics ----------------------------------------------------------- */

static void add_info(struct bc_metric_text *text, const char *stream,
		     const struct view *view)
{
	static const struct bc_metric info = {
		"node", "info", "",
		"what is not a number about a local node; always 1",
		BC_METRIC_GAUGE};

	bc_metric_head(text, &info);
	for (uint32_t i = 0; i < view->count; i++) {
		const struct bcast_node_info *n = &view->nodes[i];

		bc_metric_sample(text, &info, "");
		label(text, stream, n);
#define NODE_KEY(key, type, value, metric, ...) LABEL_##metric(key, type, value)
#include <bcast/fields.def>
		bc_metric_count(text, 1);
	}
}

static void add_rows(struct bc_metric_text *text, const char *stream,
		     const struct view *view)
{
	for (unsigned row = 0; row < ROWS; row++) {
		if (rows[row].kind == BC_METRIC_NONE ||
		    rows[row].kind == BC_METRIC_LABEL)
			continue;
		bc_metric_head(text, &rows[row]);
		for (uint32_t i = 0; i < view->count; i++) {
			bc_metric_sample(text, &rows[row], "");
			label(text, stream, &view->nodes[i]);
			bc_metric_value(
				text, &rows[row],
				value_of((enum row)row, &view->nodes[i]));
		}
	}
}

static void add_bucket(struct bc_metric_text *text,
		       const struct bc_metric *metric, const char *stream,
		       const struct bcast_node_info *n, uint64_t bound,
		       uint64_t count)
{
	bc_metric_sample(text, metric, "_bucket");
	label(text, stream, n);
	bc_metric_label_bound(text, metric, bound);
	bc_metric_count(text, count);
}

static void add_histogram(struct bc_metric_text *text,
			  const struct bc_metric *metric, const char *stream,
			  const struct bcast_node_info *n,
			  const struct bc_histogram_shm *histogram)
{
	uint64_t count = 0;
	uint64_t sum = 0;

	for (unsigned i = 0; i < BC_HISTOGRAM_BUCKETS; i++) {
		uint64_t here = bc_histogram_count(histogram, i);

		count += here;
		/* a slot can hold any garbage: a sum that wraps does no harm */
		sum += here * bc_histogram_upper(i);
		/* the last one has all that is longer as well */
		if (i % PER_OCTAVE == PER_OCTAVE - 1 &&
		    i / PER_OCTAVE >= FIRST_OCTAVE &&
		    i / PER_OCTAVE < OCTAVES - 1)
			add_bucket(text, metric, stream, n,
				   bc_histogram_upper(i), count);
	}
	add_bucket(text, metric, stream, n, UINT64_MAX, count);
	bc_metric_sample(text, metric, "_sum");
	label(text, stream, n);
	bc_metric_value(text, metric, sum);
	bc_metric_sample(text, metric, "_count");
	label(text, stream, n);
	bc_metric_count(text, count);
}

static void add_latencies(struct bc_metric_text *text, const char *stream,
			  const struct view *view)
{
	static const struct bc_metric metric = {
		"node", "latency_ns", "ns",
		"time from publication to its having seen it; the sum is up to "
		"12.5 % high",
		BC_METRIC_HISTOGRAM};
	bool first = true;

	for (uint32_t i = 0; i < view->count; i++) {
		const struct bcast_node_info *n = &view->nodes[i];

		if (n->latency_count == 0)
			continue;
		if (first)
			bc_metric_head(text, &metric);
		first = false;
		add_histogram(
			text, &metric, stream, n,
			&bc_node_table_slot(&view->table, n->slot)->latency);
	}
}

/* ---- Look -------------------------------------------------------------- */

static int fill(struct view *view, struct bc_node_census *census)
{
	uint32_t limit = view->table.geometry.node_count;
	int ret = bc_node_sweep_all(&view->table, census);

	view->nodes = calloc(limit, sizeof(*view->nodes));
	if (!view->nodes)
		return -ENOMEM;
	for (uint32_t i = 0; i < limit && ret >= 0; i++) {
		ret = bc_node_info_read(&view->table, i, census->alive[i] != 0,
					&view->nodes[view->count]);
		view->count += ret == 1;
	}
	return ret < 0 ? ret : 0;
}

int bc_prometheus_nodes(struct bc_metric_text *text, const char *stream)
{
	struct view view = {0};
	struct bc_node_census *census = calloc(1, sizeof(*census));
	int ret;

	if (!census)
		return -ENOMEM;
	ret = bc_node_table_attach(&view.table, stream, false);
	if (ret == 0) {
		ret = fill(&view, census);
		if (ret == 0 && view.count > 0) {
			add_info(text, stream, &view);
			add_rows(text, stream, &view);
			add_latencies(text, stream, &view);
		}
		free(view.nodes);
		bc_node_table_detach(&view.table);
	}
	free(census);
	return ret;
}
