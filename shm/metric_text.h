/* SPDX-License-Identifier: MIT */
/*
 * metric_text.h - metrics in Prometheus's text format, written into a buffer
 * that may be too small: the length goes on, as with snprintf().
 *
 * A metric is a head (HELP and TYPE), then its samples:
 *
 *	bc_metric_head(&text, &metric);
 *	bc_metric_sample(&text, &metric, "");	// bcast_peer_lag_bytes{
 *	bc_metric_label(&text, "stream", name);	// stream="prices"
 *	bc_metric_value(&text, &metric, lag);	// } 17
 *
 * No snprintf(), which takes ten times as long: a page of metrics may be asked
 * for a thousand times a second, beside the data.
 */
#ifndef BC_METRIC_TEXT_H
#define BC_METRIC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/cut_text.h"

struct bc_metric_text {
	struct bc_cut_text out; /* buffer and size are set by the caller */
	bool labelled;		/* the sample has labels already */
};

/* As rows of bcast/fields.def say it; the first two are of no metric. */
enum bc_metric_kind {
	BC_METRIC_NONE,
	BC_METRIC_LABEL,
	BC_METRIC_GAUGE,
	BC_METRIC_COUNTER,
	BC_METRIC_HISTOGRAM,
};

struct bc_metric {
	const char *section; /* "peer"; "": none */
	const char *key;     /* "idle_ns" */
	const char *unit;    /* "ns" */
	const char *help;
	enum bc_metric_kind kind;
};

/* bc_metric_end - terminate what had room. Returns the length. */
size_t bc_metric_end(struct bc_metric_text *text);

void bc_metric_head(struct bc_metric_text *text,
		    const struct bc_metric *metric);

/* bc_metric_sample - the name, with "_bucket" or the like after it. */
void bc_metric_sample(struct bc_metric_text *text,
		      const struct bc_metric *metric, const char *suffix);

/* bc_metric_label, _label_number - one more label. */
void bc_metric_label(struct bc_metric_text *text, const char *name,
		     const char *value);
void bc_metric_label_number(struct bc_metric_text *text, const char *name,
			    uint64_t value);

/* The types of bcast/fields.def, as labels. */
void bc_metric_label_TEXT(struct bc_metric_text *text, const char *name,
			  const char *value);
void bc_metric_label_HEX(struct bc_metric_text *text, const char *name,
			 uint64_t value);

/*
 * bc_metric_label_bound - le="..." of a histogram's bucket, in the metric's
 * base unit; UINT64_MAX is +Inf.
 */
void bc_metric_label_bound(struct bc_metric_text *text,
			   const struct bc_metric *metric, uint64_t bound);

/* bc_metric_value - in the metric's unit; written in its base unit. */
void bc_metric_value(struct bc_metric_text *text,
		     const struct bc_metric *metric, uint64_t value);

/* bc_metric_count - a plain number as the value. */
void bc_metric_count(struct bc_metric_text *text, uint64_t count);

#endif
