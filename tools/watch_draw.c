/* SPDX-License-Identifier: MIT */
/*
 * watch_draw.c - all that --watch shows, onto a canvas.
 *
 *	name, format, state, uptime
 *	daemon, epoch
 *	writer
 *	throughput in and out, with its history
 *	the ring with all cursors (watch_ring.c)
 *	connections, nodes: as many lines as there are, or half of the rest
 *	events, the newest first
 *	keys
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "watch.h"

#define TOP_LINES    5
#define RATE_COLUMN  11
#define GRAPH_COLUMN 46
#define EVENT_LINES  3 /* at least, without their heading */

#define BYTES(n)    (format_bytes(n).text)
#define DURATION(n) (format_duration(n).text)

/* ---- Short texts ------------------------------------------------------- */

/* At most six characters: "25.1us", "1.2ms", "42s", "3m20s", "2h03m", "4d2h" */
static struct format_text short_time(uint64_t ns)
{
	struct format_text result;
	uint64_t s = ns / UINT64_C(1000000000);
	char *text = result.text;
	size_t size = sizeof(result.text);

	if (ns < 1000)
		snprintf(text, size, "%" PRIu64 "ns", ns);
	else if (ns < 999500)
		snprintf(text, size, ns < 99950 ? "%.1fus" : "%.0fus",
			 (double)ns / 1e3);
	else if (ns < 999500000)
		snprintf(text, size, ns < 99950000 ? "%.1fms" : "%.0fms",
			 (double)ns / 1e6);
	else if (s < 60)
		snprintf(text, size, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(text, size, "%" PRIu64 "m%02" PRIu64 "s", s / 60,
			 s % 60);
	else if (s < 86400)
		snprintf(text, size, "%" PRIu64 "h%02" PRIu64 "m", s / 3600,
			 s % 3600 / 60);
	else
		snprintf(text, size, "%" PRIu64 "d%" PRIu64 "h", s / 86400,
			 s % 86400 / 3600);
	return result;
}

static struct format_text per_second(double rate)
{
	struct format_text result;
	uint64_t bytes = 0;

	/* counters can be garbage, and what is too large has no integer */
	if (rate > 0)
		bytes = rate < 1e18 ? (uint64_t)rate : UINT64_C(1) << 60;
	snprintf(result.text, sizeof(result.text), "%.29s/s", BYTES(bytes));
	return result;
}

/* "15:10:03", of a CLOCK_REALTIME reading, in UTC. */
static struct format_text clock_time(uint64_t realtime_ns)
{
	struct format_text whole = format_time(realtime_ns);
	struct format_text result = {"?"};

	if (strlen(whole.text) > 19)
		snprintf(result.text, sizeof(result.text), "%.8s",
			 whole.text + 11);
	return result;
}

static uint64_t age_ns(const struct watch *watch, uint64_t then_ns)
{
	return watch->realtime_ns > then_ns ? watch->realtime_ns - then_ns : 0;
}

/* ---- The top ----------------------------------------------------------- */

static void draw_title(const struct watch *watch, struct watch_canvas *canvas)
{
	const struct bcast_stream_info *s = &watch->now.stream;
	const char *state = bcast_condition_name(s);
	struct format_text since = clock_time(watch->dead_since_ns);
	char text[256];

	if (watch->dead_since_ns && s->state != BCAST_STREAM_CLOSED)
		snprintf(text, sizeof(text), "%s since %s UTC (%s)", state,
			 since.text,
			 DURATION(age_ns(watch, watch->dead_since_ns)));
	else if (s->state == BCAST_STREAM_CLOSED)
		snprintf(text, sizeof(text), "%s since %s UTC%s", state,
			 clock_time(s->ended_realtime_ns).text,
			 watch->gone ? ", and removed" : "");
	else
		snprintf(text, sizeof(text), "%s, up %s", state,
			 DURATION(age_ns(watch, s->started_realtime_ns)));
	watch_canvas_print(canvas, 0, 0, WATCH_PLAIN, " %s  %s  %s", s->name,
			   bcast_format_name(s->format), text);
	watch_canvas_print(canvas, 0, canvas->columns - 13, WATCH_PLAIN,
			   "%s UTC", clock_time(watch->realtime_ns).text);
	watch_canvas_fill(canvas, 0, s->writer_alive ? WATCH_TITLE : WATCH_BAD);
}

static void draw_identity(const struct watch *watch,
			  struct watch_canvas *canvas)
{
	const struct bcast_stream_info *s = &watch->now.stream;
	const struct bcast_writer_info *w = &watch->now.writer;

	watch_canvas_print(canvas, 1, 0, WATCH_PLAIN,
			   "daemon     pid %" PRIu32 ", incarnation %" PRIu32
			   ", epoch 0x%016" PRIx64,
			   s->owner_pid, s->incarnation, s->epoch);
	watch_canvas_print(canvas, 2, 0, WATCH_PLAIN, "writer     %s %s",
			   bcast_writer_kind_name(w->kind), w->who);
	if (w->kind != BCAST_WRITER_NONE)
		watch_canvas_print(canvas, 2, GRAPH_COLUMN, WATCH_PLAIN,
				   "since %s UTC",
				   clock_time(w->since_realtime_ns).text);
}

static double sample(const struct watch *watch, uint64_t index, bool out)
{
	const struct watch_throughput *t =
		&watch->history[index % WATCH_HISTORY];

	return out ? t->out : t->in;
}

/* The newest at the right. What is not 0 is seen. */
static void draw_history(const struct watch *watch, struct watch_canvas *canvas,
			 int row, bool out)
{
	int width = canvas->columns - GRAPH_COLUMN - 1;
	double most = 0;
	uint64_t count;

	if (width <= 0)
		return;
	count = watch->samples < (uint64_t)width ? watch->samples
						 : (uint64_t)width;
	if (count > WATCH_HISTORY)
		count = WATCH_HISTORY;
	for (uint64_t i = 0; i < count; i++)
		if (sample(watch, watch->samples - 1 - i, out) > most)
			most = sample(watch, watch->samples - 1 - i, out);
	for (uint64_t i = 0; i < count && most > 0; i++) {
		double value = sample(watch, watch->samples - 1 - i, out);
		int level = (int)(value / most * WATCH_LEVELS + 0.5);

		if (value <= 0)
			continue;
		watch_canvas_put(canvas, row, GRAPH_COLUMN + width - 1 - (int)i,
				 WATCH_GOOD, (char)(level < 1 ? 1 : level));
	}
}

static void draw_throughput(const struct watch *watch,
			    struct watch_canvas *canvas)
{
	const struct watch_throughput *t = &watch->throughput;
	const struct shmstat *now = &watch->now;

	watch_canvas_print(canvas, 3, 0, WATCH_PLAIN, "in");
	watch_canvas_print(canvas, 3, RATE_COLUMN, WATCH_BOLD, "%10s",
			   per_second(t->in).text);
	if (now->stream.format == BCAST_FORMAT_PACKET)
		watch_canvas_print(canvas, 3, 23, WATCH_PLAIN,
				   "%8.0f records/s", t->records);
	else
		watch_canvas_print(canvas, 3, 23, WATCH_PLAIN, "%8s in all",
				   BYTES(now->stream.tail));
	draw_history(watch, canvas, 3, false);
	watch_canvas_print(canvas, 4, 0, WATCH_PLAIN, "out");
	watch_canvas_print(canvas, 4, RATE_COLUMN, WATCH_BOLD, "%10s",
			   per_second(t->out).text);
	watch_canvas_print(canvas, 4, 23, WATCH_PLAIN, "%8s in all",
			   BYTES(now->totals.bytes_out));
	draw_history(watch, canvas, 4, true);
}

/* ---- Tables ------------------------------------------------------------ */

/* A heading with a * at what it is sorted by. */
static const char *heading(const struct watch *watch, enum watch_sort sort,
			   const char *starred)
{
	return watch->view.sort == sort ? starred : starred + 1;
}

static enum watch_style heading_style(const struct watch *watch,
				      enum watch_pane pane)
{
	return watch->view.focus == pane ? WATCH_TITLE : WATCH_BOLD;
}

static void head_peers(const struct watch *watch, struct watch_canvas *canvas,
		       int row, int width)
{
	char title[64];

	snprintf(title, sizeof(title), "CONNECTIONS %zu", watch->peers.count);
	watch_canvas_print(canvas, row, 0, WATCH_PLAIN,
			   "%-*s %-8s %-8s %8s %11s %8s %6s", width, title,
			   "ROLE", heading(watch, WATCH_BY_STATE, "*STATE"),
			   heading(watch, WATCH_BY_LAG, "*LAG"),
			   heading(watch, WATCH_BY_RATE, "*RATE"), "BYTES",
			   heading(watch, WATCH_BY_AGE, "*AGE"));
	if (canvas->columns >= 110)
		watch_canvas_print(canvas, row, width + 56, WATCH_PLAIN,
				   "%8s %6s %8s", "LAG MAX", "IDLE", "SHORT");
	watch_canvas_fill(canvas, row, heading_style(watch, WATCH_PEERS));
}

static void draw_peer(const struct watch *watch, struct watch_canvas *canvas,
		      int row, const struct watch_row *r)
{
	bool wide = canvas->columns >= 110;
	int width = canvas->columns - 56 - (wide ? 26 : 0);
	enum watch_style style = r->alarming ? WATCH_BAD : WATCH_PLAIN;

	watch_canvas_print(
		canvas, row, 0, style, "%-*.*s %-8s %-8s %8s %11s %8s %6s",
		width, width, r->name, r->role, r->state,
		r->reads ? BYTES(r->lag) : "-", per_second(r->rate).text,
		BYTES(r->bytes),
		short_time(age_ns(watch, r->since_realtime_ns)).text);
	if (wide)
		watch_canvas_print(canvas, row, width + 56, style,
				   "%8s %6s %8" PRIu64, BYTES(r->lag_max),
				   short_time(r->idle_ns).text, r->short_sends);
}

static void head_nodes(const struct watch *watch, struct watch_canvas *canvas,
		       int row, int width)
{
	char title[64];

	snprintf(title, sizeof(title), "NODES %zu", watch->nodes.count);
	watch_canvas_print(canvas, row, 0, WATCH_PLAIN,
			   "%-*s %-8s %8s %11s %4s %6s %6s %6s %6s", width,
			   title, heading(watch, WATCH_BY_STATE, "*STATE"),
			   heading(watch, WATCH_BY_LAG, "*LAG"),
			   heading(watch, WATCH_BY_RATE, "*RATE"), "LAPS",
			   "P50", "P99", "MAX",
			   heading(watch, WATCH_BY_AGE, "*AGE"));
	watch_canvas_fill(canvas, row, heading_style(watch, WATCH_NODES));
	if (watch->now.nodes_problem.text[0])
		watch_canvas_print(canvas, row, 8, WATCH_BAD,
				   "cannot be read: %s",
				   watch->now.nodes_problem.text);
}

static struct format_text latency(const struct watch_row *r, uint64_t ns)
{
	const struct format_text none = {"-"};

	return r->latency_count > 0 ? short_time(ns) : none;
}

static void draw_node(const struct watch *watch, struct watch_canvas *canvas,
		      int row, const struct watch_row *r)
{
	int width = canvas->columns - 64;

	watch_canvas_print(
		canvas, row, 0, r->alarming ? WATCH_BAD : WATCH_PLAIN,
		"%-*.*s %-8s %8s %11s %4" PRIu64 " %6s %6s %6s %6s", width,
		width, r->name, r->state, r->reads ? BYTES(r->lag) : "-",
		r->reads ? per_second(r->rate).text : "-", r->laps,
		latency(r, r->latency_p50_ns).text,
		latency(r, r->latency_p99_ns).text,
		latency(r, r->latency_max_ns).text,
		short_time(age_ns(watch, r->since_realtime_ns)).text);
}

/* From which row on, so that the last page is full. */
static size_t first_shown(const struct watch *watch, enum watch_pane pane,
			  size_t count, int lines)
{
	size_t most = count > (size_t)lines ? count - (size_t)lines : 0;
	size_t wanted = (size_t)watch->view.scrolled[pane];

	return wanted < most ? wanted : most;
}

static int draw_peers(struct watch *watch, struct watch_canvas *canvas, int row,
		      int lines)
{
	int width = canvas->columns - 56 - (canvas->columns >= 110 ? 26 : 0);
	size_t first =
		first_shown(watch, WATCH_PEERS, watch->peers.count, lines);

	head_peers(watch, canvas, row++, width);
	for (int i = 0; i < lines && first + (size_t)i < watch->peers.count;
	     i++)
		draw_peer(watch, canvas, row + i,
			  &watch->peers.rows[first + (size_t)i]);
	watch->view.scrolled[WATCH_PEERS] = (int)first;
	return row + lines;
}

static int draw_nodes(struct watch *watch, struct watch_canvas *canvas, int row,
		      int lines)
{
	size_t first =
		first_shown(watch, WATCH_NODES, watch->nodes.count, lines);

	head_nodes(watch, canvas, row++, canvas->columns - 64);
	for (int i = 0; i < lines && first + (size_t)i < watch->nodes.count;
	     i++)
		draw_node(watch, canvas, row + i,
			  &watch->nodes.rows[first + (size_t)i]);
	watch->view.scrolled[WATCH_NODES] = (int)first;
	return row + lines;
}

static void draw_events(struct watch *watch, struct watch_canvas *canvas,
			int row, int lines)
{
	size_t count = watch->event_count < WATCH_EVENTS
			       ? (size_t)watch->event_count
			       : WATCH_EVENTS;
	size_t first = first_shown(watch, WATCH_LOG, count, lines);

	watch_canvas_print(canvas, row, 0, WATCH_PLAIN, "EVENTS %" PRIu64,
			   watch->event_count);
	watch_canvas_fill(canvas, row++, heading_style(watch, WATCH_LOG));
	for (int i = 0; i < lines && first + (size_t)i < count; i++) {
		const struct watch_event *event =
			&watch->events[(watch->event_count - 1 - first -
					(uint64_t)i) %
				       WATCH_EVENTS];

		watch_canvas_print(canvas, row + i, 0, event->style, "%s %s",
				   clock_time(event->realtime_ns).text,
				   event->text);
	}
	watch->view.scrolled[WATCH_LOG] = (int)first;
}

/* ---- The whole --------------------------------------------------------- */

/* What each table wants; where there is less, the shorter one is not cut. */
static void share(const struct watch *watch, int lines, int *peers, int *nodes)
{
	int half = lines / 2;

	*peers = watch->peers.count < (size_t)lines ? (int)watch->peers.count
						    : lines;
	*nodes = watch->nodes.count < (size_t)lines ? (int)watch->nodes.count
						    : lines;
	if (*peers + *nodes > lines) {
		if (*nodes < half)
			*peers = lines - *nodes;
		else if (*peers < lines - half)
			*nodes = lines - *peers;
		else {
			*peers = lines - half;
			*nodes = half;
		}
	}
}

void watch_draw(struct watch *watch, struct watch_canvas *canvas)
{
	int last = canvas->rows - 1;
	int row = TOP_LINES + WATCH_RING_LINES;
	int lines = last - row - 3 - EVENT_LINES; /* three headings */
	int peers, nodes;

	share(watch, lines > 0 ? lines : 0, &peers, &nodes);
	draw_title(watch, canvas);
	draw_identity(watch, canvas);
	draw_throughput(watch, canvas);
	watch_draw_ring(watch, canvas, TOP_LINES);
	row = draw_peers(watch, canvas, row, peers);
	row = draw_nodes(watch, canvas, row, nodes);
	lines = last - row - 1;
	draw_events(watch, canvas, row, lines > 0 ? lines : 0);
	watch->view.page = watch->view.focus == WATCH_PEERS   ? peers
			   : watch->view.focus == WATCH_NODES ? nodes
							      : lines;
	for (int i = 0; i < canvas->columns; i++)
		watch_canvas_put(canvas, last, i, WATCH_PLAIN, ' ');
	watch_canvas_print(canvas, last, 0, WATCH_PLAIN,
			   " q quit  l lag  r rate  a age  s state  i invert  "
			   "z zoom  TAB next  arrows");
	watch_canvas_fill(canvas, last, WATCH_FAINT);
	if (canvas->columns < 80 || canvas->rows < 24)
		watch_canvas_print(canvas, last, 0, WATCH_BAD,
				   "needs 80x24, has %dx%d; q quits",
				   canvas->columns, canvas->rows);
}
